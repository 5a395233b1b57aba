import { hostNotFound } from '../../../../domain/faults.ts';
import { conflict, invalid, notFound, type KilonovaError } from '../../../../lib/errors.ts';
import * as store from '../../../../store/aggregates.ts';
import type { Aggregate } from '../../../../store/aggregates.ts';
import { countOnHosts } from '../../../../store/instance-usage.ts';
import { nodesOfHost } from '../../../../store/services.ts';
import type { ApiDatabase } from '../../../../store/stores.ts';
import type { ApiDeps } from '../../deps.ts';
import { refreshScheduler } from '../../hosts.ts';
import { mirrorMembership } from '../../../../clients/placement-mirror.ts';
import { zoneProblem } from './zone-problem.ts';

/** The number an aggregate's path holds; one that no aggregate can have is none. */
export function aggregateId(text: string): number {
  if (!/^-?\d+$/.test(text)) throw invalid(`Invalid aggregate id '${text.slice(0, 80)}': it must be an integer.`);
  if (Number(text) < 0 || Number(text) > 2_147_483_647) throw aggregateNotFound(text);
  return Number(text);
}

const aggregateNotFound = (id: number | string): KilonovaError => notFound(`Aggregate ${id} could not be found.`);

export async function getAggregate(api: ApiDatabase, id: number): Promise<Aggregate> {
  const aggregate = await store.findAggregate(api, id);
  if (aggregate === null) throw aggregateNotFound(id);
  return aggregate;
}

/**
 * Makes of an aggregate what `become` answers, unless a zone forbids it; `write` writes it down in the same transaction, in which what placement
 * is told succeeds, too. The scheduler knows before the answer leaves.
 */
async function change(
  deps: ApiDeps,
  id: number,
  {
    refuse,
    become,
    write,
  }: {
    readonly refuse: (reason: string) => KilonovaError;
    readonly become: (aggregate: Aggregate) => Aggregate;
    readonly write: (tx: ApiDatabase, aggregate: Aggregate) => Promise<unknown>;
  },
): Promise<Aggregate> {
  const changed = await store.changingAggregates(deps.stores.api, async (tx) => {
    const before = await store.listAggregates(tx);
    const current = before.find((aggregate) => aggregate.id === id);
    if (current === undefined) throw aggregateNotFound(id);
    const wanted = become(current);
    const problem = await zoneProblem(
      before,
      before.map((aggregate) => (aggregate.id === id ? wanted : aggregate)),
      {
        standardZone: deps.settings.DEFAULT.default_availability_zone,
        hasServers: async (hosts) => (await countOnHosts(deps.stores, hosts)) > 0,
      },
    );
    if (problem !== null) throw refuse(problem);
    await write(tx, wanted);
    return getAggregate(tx, id);
  });
  await refreshScheduler(deps);
  return changed;
}

/** Renames an aggregate, or makes it a zone (or none, for null). */
export const updateAggregate = (
  deps: ApiDeps,
  id: number,
  { name, zone }: { readonly name: string | undefined; readonly zone: string | null | undefined },
): Promise<Aggregate> =>
  change(deps, id, {
    refuse: (reason) => invalid(`Cannot update aggregate ${id}. Reason: ${reason}.`),
    become: (aggregate) => ({
      ...aggregate,
      name: name?.trim() ?? aggregate.name,
      metadata: zone === undefined ? aggregate.metadata : merged(aggregate.metadata, { availability_zone: zone }),
    }),
    write: store.updateAggregate,
  });

/** Sets keys of the metadata and removes those whose value is null; others stay. */
export function setMetadata(deps: ApiDeps, id: number, metadata: Readonly<Record<string, string | null>>): Promise<Aggregate> {
  const refuse = (reason: string) => invalid(`Cannot update metadata of aggregate ${id}. Reason: ${reason}.`);
  const zone = Object.hasOwn(metadata, 'availability_zone') ? metadata['availability_zone'] : null;
  if (zone === '' || zone?.includes(':') === true)
    throw refuse('the name of an availability zone is neither empty nor does it have a colon');
  return change(deps, id, {
    refuse,
    become: (aggregate) => ({ ...aggregate, metadata: merged(aggregate.metadata, metadata) }),
    write: store.updateAggregate,
  });
}

export async function addHost(deps: ApiDeps, id: number, host: string): Promise<Aggregate> {
  const nodes = await nodesOfHost(deps.stores, host);
  if (nodes.length === 0) {
    await getAggregate(deps.stores.api, id);
    throw hostNotFound(host);
  }
  return change(deps, id, {
    refuse: (reason) => conflict(`Cannot add host to aggregate ${id}. Reason: ${reason}.`),
    become(aggregate) {
      if (aggregate.hosts.includes(host)) throw conflict(`Aggregate ${id} already has host ${host}.`);
      return { ...aggregate, hosts: [...aggregate.hosts, host] };
    },
    async write(tx, { uuid }) {
      await store.addHost(tx, id, host);
      await mirrorMembership(deps, nodes, uuid, true);
    },
  });
}

/** A host that is known no longer can be taken out, too. */
export async function removeHost(deps: ApiDeps, id: number, host: string): Promise<Aggregate> {
  const nodes = await nodesOfHost(deps.stores, host);
  return change(deps, id, {
    refuse: (reason) => conflict(`Cannot remove host from aggregate ${id}. Reason: ${reason}.`),
    become(aggregate) {
      if (!aggregate.hosts.includes(host)) throw notFound(`Aggregate ${id} has no host ${host}.`);
      return { ...aggregate, hosts: aggregate.hosts.filter((other) => other !== host) };
    },
    async write(tx, { uuid }) {
      await store.removeHost(tx, id, host);
      await mirrorMembership(deps, nodes, uuid, false);
    },
  });
}

/** Deletes an aggregate that has no hosts. */
export const deleteAggregate = (deps: ApiDeps, id: number): Promise<void> =>
  store.changingAggregates(deps.stores.api, async (tx) => {
    const aggregate = await getAggregate(tx, id);
    if (aggregate.hosts.length > 0) throw invalid(`Cannot remove aggregate ${id}. Reason: the host aggregate is not empty.`);
    await store.deleteAggregate(tx, id);
  });

function merged(metadata: Readonly<Record<string, string>>, changes: Readonly<Record<string, string | null>>): Record<string, string> {
  const entries = Object.entries({ ...metadata, ...changes }).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(entries);
}
