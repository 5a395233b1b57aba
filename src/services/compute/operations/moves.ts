import type { GuestOrder } from '../../../domain/guest-order.ts';
import { asideKey } from '../../../domain/guest-holding.ts';
import { powerStates } from '../../../domain/instance.ts';
import { unsupported } from '../../../lib/errors.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import type { GuestMoves } from '../drivers/guest-moves.ts';
import { guestSpec } from '../guest-spec.ts';
import { guestState } from './guest-state.ts';
import { portsReady } from './ports-ready.ts';
import { prepareGuest } from './prepare-guest.ts';

const movesOf = ({ driver, host }: ComputeHost): GuestMoves => {
  if (driver.moves === undefined) throw unsupported(`The hypervisor of ${host} cannot give guests another flavor or another host.`);
  return driver.moves;
};

/** Refuses a guest of another host that could not be taken here. */
export function admitGuest(host: ComputeHost, from: string, live: boolean): void {
  if (live && host.driver.liveMoves === undefined)
    throw unsupported(`The hypervisor of ${host.host} cannot take guests that run elsewhere.`);
  if (!live) movesOf(host).reaches(from);
}

/** Switches a guest off and keeps it, so that another can be made of it. */
export const setAside = (host: ComputeHost, order: GuestOrder, graceSeconds: number, signal: AbortSignal): Promise<void> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    const real = host.driver.imageFiles !== undefined;
    const { disks } = guestSpec(order, { settings: host.settings, base: null, configDriveFiles: null, real });
    await movesOf(host).setAside(order.instanceId, { becomes: disks, graceSeconds, signal: mine });
    host.log.info({ instanceId: order.instanceId }, 'guest set aside');
  });

/** Makes a guest of what was set aside, and starts it once its ports are wired. */
export const takeOver = (host: ComputeHost, order: GuestOrder, from: string, start: boolean, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    const spec = await prepareGuest(host, order, mine);
    const before = await host.driver.inspect(order.instanceId);
    if (before?.powerState !== powerStates.running) {
      using ports = portsReady(host, order, mine);
      await movesOf(host).takeOver(spec, { from, start, signal: mine });
      if (start && ports.awaited.length > 0) await ports.ready;
    }
    host.log.info({ instanceId: order.instanceId, from }, 'guest taken over');
    return guestState(host, order.instanceId);
  });

export const discardAside = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async () => {
    await movesOf(host).discardAside(instanceId);
    host.holdings.release(asideKey(instanceId));
  });

/** Puts a guest in its place again as it was before. */
export const bringBack = (host: ComputeHost, order: GuestOrder, start: boolean, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await movesOf(host).bringBack(await prepareGuest(host, order, mine), { start, signal: mine });
    return guestState(host, order.instanceId);
  });

export const guestsAside = async ({ driver }: ComputeHost): Promise<{ instanceIds: string[] }> => ({
  instanceIds: driver.moves === undefined ? [] : [...(await driver.moves.aside())],
});
