import type { GuestOrder } from '../../../domain/guest-order.ts';
import { powerStates } from '../../../domain/instance.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { guestState } from './guest-state.ts';
import { portsReady } from './ports-ready.ts';
import { prepareGuest } from './prepare-guest.ts';

/** Makes and starts a guest; leaves nothing behind when it fails or is given up. */
export const spawn = (host: ComputeHost, order: GuestOrder, signal: AbortSignal, start = true): Promise<State> =>
  host.locks.run(order.instanceId, signal, (mine) => host.builds.run(() => build(host, order, mine, start), mine));

/** The same, for who has the guest to himself already. */
export async function build(host: ComputeHost, order: GuestOrder, signal: AbortSignal, start = true): Promise<State> {
  const { driver, log } = host;
  const { instanceId } = order;
  const existing = await driver.inspect(instanceId);
  if (existing?.powerState === powerStates.running) return { powerState: existing.powerState }; // an earlier try went through
  if (existing !== null) await driver.destroy(instanceId);
  const began = host.clock.now();
  log.debug({ instanceId, guest: order.name }, 'guest is made');
  try {
    const spec = await prepareGuest(host, order, signal);
    using ports = portsReady(host, order, signal);
    await driver.spawn(spec, { paused: ports.awaited.length > 0 || !start, signal });
    if (!start) {
      await driver.powerOff(instanceId, { graceSeconds: 0, signal }); // its processors have never run
    } else if (ports.awaited.length > 0) {
      await ports.ready;
      await driver.unpause(instanceId);
    }
    const state = await guestState(host, instanceId);
    host.outcomes.succeeded();
    log.info({ instanceId, guest: order.name, milliseconds: host.clock.now() - began }, 'guest spawned');
    return state;
  } catch (error) {
    log.warn({ instanceId, guest: order.name, err: error }, 'guest could not be spawned');
    if (!signal.aborted) host.outcomes.failed();
    await driver
      .destroy(instanceId)
      .catch((failure: unknown) => log.error({ instanceId, err: failure }, 'remains of a failed spawn could not be removed'));
    host.holdings.release(instanceId);
    throw error;
  }
}
