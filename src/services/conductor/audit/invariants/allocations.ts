import { isKind } from '../../../../lib/errors.ts';
import { restingMoves, type Move } from '../../../../domain/move.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { findMove, movesIn } from '../../../../store/moves.ts';
import { listComputeNodes } from '../../../../store/services.ts';
import { releaseMove } from '../../allocations.ts';
import type { ConductorDeps } from '../../deps.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances, liveInstances, type KnownInstance } from '../known-instances.ts';

/** Providers asked at the same time. */
const atOnce = 8;

/** Only providers of our own hosts are judged: others may use the same placement. */
export const allocations: Invariant = {
  name: 'allocation-is-server',
  says: 'A server on a host, a move that waits for its end, and nothing else, hold resources of that host.',
  async check({ deps, signal }) {
    const nodes = await listComputeNodes(deps.stores);
    const nodeNames = new Map(nodes.map(({ uuid, name }) => [uuid, name]));
    const nodeOf = new Map(nodes.map(({ uuid, host, name }) => [`${host}/${name}`, uuid]));
    const held = await holdings(deps, new Set(nodeNames.keys()), signal);
    const names = (roots: Iterable<string>): string => [...roots].map((root) => nodeNames.get(root)).join(', ');
    const found: Finding[] = [];
    const placed = new Set<string>();
    for (const cell of deps.stores.cells()) {
      for await (const page of liveInstances(cell)) {
        for (const { id, host, node } of page) {
          const own = host === null ? undefined : nodeOf.get(`${host}/${node}`);
          if (own === undefined) continue;
          placed.add(id);
          const roots = held.get(id) ?? new Set<string>();
          const elsewhere = [...roots].filter((root) => root !== own);
          if (roots.has(own) && elsewhere.length === 0) continue;
          found.push({
            subject: `allocation ${id}`,
            what: `The server is on ${host} and holds ${roots.has(own) ? `resources of ${names(elsewhere)}, too` : elsewhere.length > 0 ? `resources of ${names(elsewhere)} instead` : 'nothing there'}.`,
            repair: `Allocate what its flavor asks for on ${host}, and that only: openstack resource provider allocation set`,
            excusedBy: [id],
          });
        }
      }
    }
    const moves = await movesThatHold(deps);
    for (const { id, instanceId, status, sourceHost, sourceNode } of moves) {
      const own = nodeOf.get(`${sourceHost}/${sourceNode}`);
      if (own === undefined) continue; // its host is no more
      placed.add(id);
      const roots = held.get(id) ?? new Set<string>();
      if (roots.has(own) && roots.size === 1) continue;
      found.push({
        subject: `allocation ${id}`,
        what: `The move ${id} of server ${instanceId} is ${status} and holds ${roots.size === 0 ? 'nothing' : `resources of ${names(roots)}`}, where it should hold what the server had on ${sourceHost}.`,
        repair: `Allocate what the server had on ${sourceHost}, and that only: openstack resource provider allocation set`,
        excusedBy: [id, instanceId],
      });
    }
    const leaked = [...held].filter(([id]) => !placed.has(id));
    const known = await knownInstances(
      deps.stores,
      leaked.map(([id]) => id),
    );
    await eachAtOnce(atOnce, leaked, async ([id, roots]) => {
      const { consumerType, allocations: all } = await deps.placement.allocations(deps.identity.serviceSession, id);
      if (Object.keys(all).length === 0) return;
      if (consumerType === 'MIGRATION') found.push(await leakedByMove(deps, id, names(roots)));
      if (consumerType !== null && consumerType !== 'INSTANCE') return;
      const rows = known.get(id) ?? [];
      found.push({
        subject: `allocation ${id}`,
        what: `It holds resources of ${names(roots)}, and ${whyNot(rows)}.`,
        repair: 'Give the resources back.',
        excusedBy: [id],
        // what no cell has ever known may be of a cloud whose database is older than its placement
        ...(rows.length > 0 ? { mend: () => giveBack(deps, id) } : {}),
      });
    });
    return found;
  },
};

/** Moves that wait for their end hold what their servers had where they were. */
const movesThatHold = async ({ stores }: ConductorDeps): Promise<readonly Move[]> =>
  (await Promise.all(stores.cells().map(({ database }) => movesIn(database, restingMoves)))).flat();

/** A move that does not wait holds something; while it is under way it may. */
async function leakedByMove(deps: ConductorDeps, id: string, of: string): Promise<Finding> {
  let move: Move | null = null;
  if (isUuid(id)) for (const { database } of deps.stores.cells()) move ??= await findMove(database, { id });
  return {
    subject: `allocation ${id}`,
    what: `It holds resources of ${of}, and ${move === null ? 'is no move that any cell knows' : `the move is ${move.status}`}.`,
    repair: 'Give the resources back.',
    excusedBy: move === null ? [id] : [id, move.instanceId],
    ...(move === null ? {} : { mend: () => releaseMove(deps, id) }),
  };
}

const whyNot = (rows: readonly KnownInstance[]): string =>
  rows.length === 0 ? 'is no server' : rows.some(({ live }) => live) ? 'the server is on no host' : 'the server is deleted';

/** Who holds something of which of these hosts. */
async function holdings(
  { placement, identity }: ConductorDeps,
  roots: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const session = identity.serviceSession;
  const held = new Map<string, Set<string>>();
  const providers = (await placement.providers(session)).map(({ uuid, rootProviderUuid }) => ({ uuid, root: rootProviderUuid ?? uuid }));
  await eachAtOnce(
    atOnce,
    providers.filter(({ root }) => roots.has(root)),
    async ({ uuid, root }) => {
      signal.throwIfAborted();
      const consumers = await placement.providerAllocations(session, uuid).catch((error: unknown) => {
        if (isKind(error, 'notFound')) return {}; // it is gone since
        throw error;
      });
      for (const id of Object.keys(consumers)) held.set(id, (held.get(id) ?? new Set()).add(root));
    },
  );
  return held;
}

/** Takes everything from a consumer, unless it claims something anew meanwhile: its generation is then another. */
async function giveBack({ placement, identity, stores }: ConductorDeps, id: string): Promise<void> {
  const session = identity.serviceSession;
  const { consumerGeneration, projectId, userId } = await placement.allocations(session, id);
  if (consumerGeneration === null || projectId === null || userId === null) return;
  const rows = (await knownInstances(stores, [id])).get(id) ?? [];
  if (rows.some(({ live, host }) => live && host !== null)) return;
  await placement.putAllocations(session, id, { allocations: {}, projectId, userId, consumerGeneration, consumerType: 'INSTANCE' });
}
