import { isKind, messageOf } from '../../../lib/errors.ts';
import { retry } from '../../../lib/retry.ts';
import { systemClock } from '../../../lib/clock.ts';
import { listAggregates } from '../../../store/aggregates.ts';
import { isHostMapped, nodesOfHost } from '../../../store/services.ts';
import type { ManageDeps } from '../manage-deps.ts';

export interface SyncOptions {
  readonly verbose?: true;
}

/** Exit codes, as `nova-manage placement sync_aggregates` has them. */
const ended = { done: 0, severalNodes: 1, placementFailed: 2, notWritten: 3, noMapping: 4, noNode: 5, noProvider: 6 } as const;

/** Puts the resource providers of hosts into the aggregates of placement that their host aggregates are. */
export async function syncAggregates(deps: ManageDeps, { verbose }: SyncOptions): Promise<number> {
  const { stores, write } = deps;
  const say = (text: string): void => (verbose === true ? write(text) : undefined);
  for (const { uuid, name, hosts } of await listAggregates(stores.api)) {
    say(`Processing aggregate: ${name}\n`);
    for (const host of hosts) {
      const code = await syncHost(deps, { uuid, name }, host, say);
      if (code !== ended.done) return code;
    }
  }
  return ended.done;
}

async function syncHost(
  { stores, placement, session, write }: ManageDeps,
  aggregate: { readonly uuid: string; readonly name: string },
  host: string,
  say: (text: string) => void,
): Promise<number> {
  if (!(await isHostMapped(stores, host))) {
    write(`Host ${host} is in aggregate ${aggregate.name} but in no cell. Run: kilonova manage cell_v2 discover_hosts\n`);
    return ended.noMapping;
  }
  const [node, ...more] = await nodesOfHost(stores, host);
  if (node === undefined) {
    write(`Unable to find a compute node of host ${host}.\n`);
    return ended.noNode;
  }
  if (more.length > 0) {
    write(`Host ${host} has ${more.length + 1} compute nodes; aggregates of placement are kept for hosts that have one.\n`);
    return ended.severalNodes;
  }
  try {
    if ((await placement.provider(session, node.uuid)) === null) {
      write(`Unable to find matching resource provider with node uuid ${node.uuid} of host ${host}.\n`);
      return ended.noProvider;
    }
    const added = await retry(
      async () => {
        const { generation, aggregates } = await placement.aggregates(session, node.uuid);
        if (aggregates.includes(aggregate.uuid)) return false;
        await placement.setAggregates(session, node.uuid, generation, [...aggregates, aggregate.uuid]);
        return true;
      },
      { clock: systemClock, attempts: 5, delayMs: 50, when: (error) => isKind(error, 'conflict') },
    );
    if (added) write(`Successfully added host (${host}) and provider (${node.uuid}) to aggregate (${aggregate.uuid}).\n`);
    else say(`Host (${host}) and provider (${node.uuid}) are in aggregate (${aggregate.uuid}) already.\n`);
    return ended.done;
  } catch (error) {
    if (isKind(error, 'unavailable')) {
      write(`Placement does not answer: ${messageOf(error)}\n`);
      return ended.placementFailed;
    }
    write(`Failed updating the aggregates of provider ${node.uuid} of host ${host}: ${messageOf(error)}\n`);
    return ended.notWritten;
  }
}
