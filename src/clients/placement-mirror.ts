import type { Clock } from '../lib/clock.ts';
import { isKind, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { retry } from '../lib/retry.ts';
import type { IdentityClient } from './identity.ts';
import type { PlacementClient } from './placement.ts';

interface Deps {
  readonly placement: Pick<PlacementClient, 'aggregates' | 'setAggregates' | 'traits' | 'setTraits'>;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly clock: Clock;
  readonly log: Log;
}
type Names = readonly string[];
interface Node {
  readonly uuid: string;
}

/** What placement keeps of a node as a set of names, read and written under the provider's generation. */
interface Kept {
  read(deps: Deps, uuid: string): Promise<{ readonly generation: number; readonly names: Names }>;
  write(deps: Deps, uuid: string, generation: number, names: Names): Promise<unknown>;
}

const aggregates: Kept = {
  async read({ placement, identity }, uuid) {
    const { generation, aggregates: names } = await placement.aggregates(identity.serviceSession, uuid);
    return { generation, names };
  },
  write: ({ placement, identity }, uuid, generation, names) => placement.setAggregates(identity.serviceSession, uuid, generation, names),
};
const traits: Kept = {
  async read({ placement, identity }, uuid) {
    const { generation, traits: names } = await placement.traits(identity.serviceSession, uuid);
    return { generation, names };
  },
  write: ({ placement, identity }, uuid, generation, names) => placement.setTraits(identity.serviceSession, uuid, generation, names),
};

/** Adds or removes one name; a write of somebody else in between means another look. A node that placement does not know yet is passed over. */
async function change(deps: Deps, kept: Kept, nodes: readonly Node[], name: string, wanted: boolean): Promise<void> {
  for (const { uuid } of nodes) {
    try {
      await retry(
        async () => {
          const { generation, names } = await kept.read(deps, uuid);
          if (names.includes(name) === wanted) return;
          await kept.write(deps, uuid, generation, wanted ? [...names, name] : names.filter((other) => other !== name));
        },
        {
          clock: deps.clock,
          attempts: 5,
          delayMs: 50,
          when: (error) => isKind(error, 'conflict') && error.code === 'placement.concurrent_update',
        },
      );
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
      deps.log.warn({ err: error, node: uuid }, 'placement does not know the node yet');
    }
  }
}

/** Puts the nodes of a host into an aggregate of placement, or takes them out, so that candidates come from there only. */
export const mirrorMembership = (deps: Deps, nodes: readonly Node[], aggregateUuid: string, member: boolean): Promise<void> =>
  change(deps, aggregates, nodes, aggregateUuid, member);

/** Marks the nodes of a disabled host, so that placement offers none of them. The scheduler refuses them without it, too: a failure is only logged. */
export async function mirrorDisabled(deps: Deps, nodes: readonly Node[], disabled: boolean): Promise<void> {
  try {
    await change(deps, traits, nodes, 'COMPUTE_STATUS_DISABLED', disabled);
  } catch (error) {
    deps.log.warn(
      { err: error, nodes: nodes.map(({ uuid }) => uuid), disabled, message: messageOf(error) },
      'placement was not told whether a host is disabled',
    );
  }
}
