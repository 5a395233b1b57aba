import type { GuestOrder } from '../../../domain/guest-order.ts';
import { powerStates } from '../../../domain/instance.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { guestState } from './guest-state.ts';
import { prepareGuest } from './prepare-guest.ts';

/** A soft reboot of a guest that does not run, or that does not go down in time, becomes a hard one. */
export const reboot = (host: ComputeHost, order: GuestOrder, type: 'SOFT' | 'HARD', signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    const { driver, log } = host;
    const { instanceId } = order;
    if (type === 'SOFT') {
      const graceSeconds = host.settings.libvirt.wait_soft_reboot_seconds;
      const guest = await driver.inspect(instanceId);
      if (guest?.powerState === powerStates.running && (await driver.softReboot(instanceId, { graceSeconds, signal: mine })))
        return guestState(host, instanceId);
      log.info({ instanceId }, 'guest did not reboot by itself; it is rebooted hard');
    }
    await driver.hardReboot(await prepareGuest(host, order, mine), mine);
    return guestState(host, instanceId);
  });
