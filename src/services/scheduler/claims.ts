import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import { isKind } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { HostCandidate } from './host-state.ts';

export interface ClaimDeps {
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly log: Log;
}

/** The claims of one request. */
export interface Claims {
  /** Whether placement grants a candidate. A claim is a transaction there: a lost race is a no. */
  claim(instanceId: string, candidate: HostCandidate): Promise<boolean>;
  /** Deletes the allocations that these instances still have from an earlier try of the same operation. Answers whether any had some. */
  giveBackEarlier(instanceIds: readonly string[]): Promise<boolean>;
  /** Gives back all that was claimed here. */
  undo(): Promise<void>;
}

export function claimsOf({ placement, identity, log }: ClaimDeps, spec: RequestSpec): Claims {
  const session = identity.serviceSession;
  const claimed = new Set<string>();
  /** Instances that are known to hold nothing else. */
  const clean = new Set<string>();

  const giveBack = async (instanceId: string): Promise<boolean> => {
    if (clean.has(instanceId)) return false;
    clean.add(instanceId);
    const { allocations } = await placement.allocations(session, instanceId);
    if (Object.keys(allocations).length === 0) return false;
    await placement.deleteAllocations(session, instanceId);
    return true;
  };
  const put = async (instanceId: string, { allocations, mappings }: HostCandidate): Promise<boolean> => {
    try {
      await placement.putAllocations(session, instanceId, {
        allocations,
        mappings,
        projectId: spec.projectId,
        userId: spec.userId,
        consumerGeneration: null,
        consumerType: 'INSTANCE',
      });
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
      log.debug({ instanceId }, 'claim lost a race');
      return false;
    }
    claimed.add(instanceId);
    clean.add(instanceId);
    return true;
  };
  return {
    // an earlier try is rare: it is looked for when a claim is refused, not before each
    claim: async (instanceId, candidate) =>
      (await put(instanceId, candidate)) || ((await giveBack(instanceId)) && put(instanceId, candidate)),
    async giveBackEarlier(instanceIds) {
      const had = await Promise.all(instanceIds.map(giveBack));
      return had.includes(true);
    },
    async undo() {
      await Promise.all([...claimed].map((id) => placement.deleteAllocations(session, id)));
      claimed.clear();
    },
  };
}
