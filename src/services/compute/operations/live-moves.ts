import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { MoveProgress } from '../../../domain/move.ts';
import { conflict, unsupported } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';
import type { LiveMoves } from '../drivers/guest-moves.ts';
import { prepareGuest } from './prepare-guest.ts';

const liveMovesOf = ({ driver, host }: ComputeHost): LiveMoves => {
  if (driver.liveMoves === undefined) throw unsupported(`The hypervisor of ${host} cannot move guests that run.`);
  return driver.liveMoves;
};

/** Makes ready what a guest finds when it arrives here. */
export const prepareLiveMigration = (host: ComputeHost, order: GuestOrder, from: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await liveMovesOf(host).prepare(await prepareGuest(host, order, mine), { from, signal: mine });
  });

/** Moves a running guest away from here; so many at a time, the others wait. */
export const liveMigrate = (host: ComputeHost, instanceId: string, to: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async (mine) => {
    if ((await host.driver.inspect(instanceId)) === null) return; // an earlier try went through
    await host.departures.run(() => liveMovesOf(host).send(instanceId, { to, signal: mine }), mine);
    host.holdings.release(instanceId);
    host.log.info({ instanceId, to }, 'guest moved while it ran');
  });

/** How far it is; it waits its turn while the hypervisor has not begun. */
export function liveMigrationProgress(
  { driver, locks }: ComputeHost,
  instanceId: string,
): { migration: { queued: boolean; progress: MoveProgress | null } | null } {
  const progress = driver.liveMoves?.progress(instanceId) ?? null;
  if (progress === null && !locks.busy(instanceId)) return { migration: null };
  return { migration: { queued: progress === null, progress } };
}

export const forceCompleteLiveMigration = (host: ComputeHost, instanceId: string): Promise<void> =>
  liveMovesOf(host).forceComplete(instanceId);

/** Gives up what goes on with a guest, and says afterwards whether it is here. */
export const abortLiveMigration = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<{ here: boolean }> =>
  host.locks.interrupt(
    instanceId,
    signal,
    async () => ({ here: (await host.driver.inspect(instanceId)) !== null }),
    conflict(`The live migration of instance ${instanceId} was aborted.`, { code: 'interrupted' }),
  );
