import type { PlacementClient } from '../../clients/placement.ts';
import type { Session } from '../../clients/session.ts';
import type { Instance } from '../../domain/instance.ts';
import type { Clock } from '../../lib/clock.ts';
import { KilonovaError } from '../../lib/errors.ts';
import { retry } from '../../lib/retry.ts';

interface PlacementAccess {
  readonly placement: PlacementClient;
  readonly identity: { readonly serviceSession: Session };
  readonly clock: Clock;
}

type Owned = Pick<Instance, 'id' | 'projectId' | 'userId'>;

/** What the instance has where it is belongs to the move from now on, so that the instance may claim another place beside it. */
export const holdForMove = (access: PlacementAccess, instance: Owned, moveId: string): Promise<void> =>
  handOver(access, instance, { from: instance.id, to: moveId, type: 'MIGRATION', replace: false });

/** Gives the instance back what its move holds, in place of all it has claimed since; nothing happens where the move holds nothing. */
export const giveBackFromMove = (access: PlacementAccess, instance: Owned, moveId: string): Promise<void> =>
  handOver(access, instance, { from: moveId, to: instance.id, type: 'INSTANCE', replace: true });

/** Both sides of it happen at once. What was handed over before is left alone. */
async function handOver(
  { placement, identity, clock }: PlacementAccess,
  { projectId, userId }: Owned,
  { from, to, type, replace }: { readonly from: string; readonly to: string; readonly type: string; readonly replace: boolean },
): Promise<void> {
  const session = identity.serviceSession;
  await retry(
    async () => {
      const [given, taken] = await Promise.all([placement.allocations(session, from), placement.allocations(session, to)]);
      if (Object.keys(given.allocations).length === 0 || (!replace && Object.keys(taken.allocations).length > 0)) return;
      await placement.postAllocations(session, {
        [from]: {
          allocations: {},
          projectId,
          userId,
          consumerGeneration: given.consumerGeneration,
          consumerType: given.consumerType ?? 'INSTANCE',
        },
        [to]: { allocations: given.allocations, projectId, userId, consumerGeneration: taken.consumerGeneration, consumerType: type },
      });
    },
    {
      clock,
      attempts: 10,
      delayMs: 20,
      when: (error) => error instanceof KilonovaError && error.code === 'placement.concurrent_update',
    },
  );
}

/** Gives up what a move holds; succeeds when that is nothing. */
export const releaseMove = ({ placement, identity }: PlacementAccess, moveId: string): Promise<void> =>
  placement.deleteAllocations(identity.serviceSession, moveId);
