import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { InstanceImage } from '../../../domain/instance.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { rescueSpec } from '../rescue-spec.ts';
import { guestState } from './guest-state.ts';
import { prepareGuest } from './prepare-guest.ts';

/** Starts a guest from a rescue image, with its own root disk beside. It is asked to shut down first, and started as it was when that fails. */
export const rescue = (
  host: ComputeHost,
  { order, image, graceSeconds }: { readonly order: GuestOrder; readonly image: InstanceImage; readonly graceSeconds: number },
  signal: AbortSignal,
): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    const base = host.images === null ? null : await host.images.base(image, mine);
    const own = await prepareGuest(host, order, mine);
    const spec = rescueSpec(own, { image, base });
    await host.driver.powerOff(order.instanceId, { graceSeconds, signal: mine });
    try {
      await host.driver.rescue(spec, mine);
    } catch (error) {
      await host.driver
        .unrescue(own, signal)
        .catch((failure: unknown) => host.log.error({ instanceId: order.instanceId, err: failure }, 'guest was not started again'));
      throw error;
    }
    host.log.info({ instanceId: order.instanceId, imageId: image.id }, 'guest rescued');
    return guestState(host, order.instanceId);
  });

/** Starts a rescued guest from its own disks again. */
export const unrescue = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await host.driver.unrescue(await prepareGuest(host, order, mine), mine);
    return guestState(host, order.instanceId);
  });
