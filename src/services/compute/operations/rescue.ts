import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { InstanceImage } from '../../../domain/instance.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { rescueSpec } from '../rescue-spec.ts';
import { guestState } from './guest-state.ts';
import { prepareGuest } from './prepare-guest.ts';

/** Starts a guest from a rescue image, with its own root disk beside. It is asked to shut down first. */
export const rescue = (
  host: ComputeHost,
  { order, image, graceSeconds }: { readonly order: GuestOrder; readonly image: InstanceImage; readonly graceSeconds: number },
  signal: AbortSignal,
): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    const base = host.images === null ? null : await host.images.base(image, mine);
    const spec = rescueSpec(await prepareGuest(host, order, mine), { image, base });
    await host.driver.powerOff(order.instanceId, { graceSeconds, signal: mine });
    await host.driver.rescue(spec, mine);
    host.log.info({ instanceId: order.instanceId, imageId: image.id }, 'guest rescued');
    return guestState(host, order.instanceId);
  });

/** Starts a rescued guest from its own disks again. */
export const unrescue = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await host.driver.unrescue(await prepareGuest(host, order, mine), mine);
    return guestState(host, order.instanceId);
  });
