import { sql, type Selectable } from 'kysely';
import { conflict } from '../lib/errors.ts';
import { isDuplicate } from '../lib/sql/database.ts';
import type { ApiDatabase } from './stores.ts';
import type { ApiTables } from './tables.ts';

/** A host aggregate; one with the key `availability_zone` makes its hosts a zone. */
export interface Aggregate {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string | null;
}

/** All aggregates with their hosts, by id, in two statements. */
export async function listAggregates(api: ApiDatabase): Promise<Aggregate[]> {
  const [rows, members] = await Promise.all([
    api.selectFrom('aggregates').selectAll().orderBy('id').execute(),
    api.selectFrom('aggregate_hosts').selectAll().orderBy('host').execute(),
  ]);
  const hosts = Map.groupBy(members, (member) => member.aggregate_id);
  return rows.map((row) => toAggregate(row, hosts.get(row.id) ?? []));
}

const toAggregate = (row: Selectable<ApiTables['aggregates']>, members: readonly { readonly host: string }[]): Aggregate => ({
  id: row.id,
  uuid: row.uuid,
  name: row.name,
  metadata: row.metadata,
  hosts: members.map(({ host }) => host),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export async function findAggregate(api: ApiDatabase, id: number): Promise<Aggregate | null> {
  const row = await api.selectFrom('aggregates').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  return toAggregate(row, await api.selectFrom('aggregate_hosts').select('host').where('aggregate_id', '=', id).orderBy('host').execute());
}

/** Runs a change of aggregates while no other is made: what a host's zone is depends on all of them. */
export const changingAggregates = <T>(api: ApiDatabase, work: (tx: ApiDatabase) => Promise<T>): Promise<T> =>
  api.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('aggregates', 0))`.execute(tx);
    return work(tx);
  });

const nameTaken = (name: string) => (error: unknown) => {
  throw isDuplicate(error) ? conflict(`Aggregate ${name} already exists.`) : error;
};

/** Adds an aggregate without hosts; its name is unique. */
export async function createAggregate(api: ApiDatabase, aggregate: Pick<Aggregate, 'uuid' | 'name' | 'metadata'>): Promise<Aggregate> {
  const { uuid, name, metadata } = aggregate;
  const row = await api
    .insertInto('aggregates')
    .values({ uuid, name, metadata: JSON.stringify(metadata) })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch(nameTaken(name));
  return toAggregate(row, []);
}

/** Writes name and metadata of an aggregate as they are given. */
export async function updateAggregate(api: ApiDatabase, aggregate: Aggregate): Promise<Aggregate> {
  const { id, name, metadata, hosts } = aggregate;
  const row = await api
    .updateTable('aggregates')
    .set({ name, metadata: JSON.stringify(metadata), updated_at: new Date() })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch(nameTaken(name));
  return toAggregate(
    row,
    hosts.map((host) => ({ host })),
  );
}

export async function deleteAggregate(api: ApiDatabase, id: number): Promise<void> {
  await api.deleteFrom('aggregates').where('id', '=', id).execute();
}

export async function addHost(api: ApiDatabase, id: number, host: string): Promise<void> {
  await api.insertInto('aggregate_hosts').values({ aggregate_id: id, host }).execute();
  await api.updateTable('aggregates').set({ updated_at: new Date() }).where('id', '=', id).execute();
}

export async function removeHost(api: ApiDatabase, id: number, host: string): Promise<void> {
  await api.deleteFrom('aggregate_hosts').where('aggregate_id', '=', id).where('host', '=', host).execute();
  await api.updateTable('aggregates').set({ updated_at: new Date() }).where('id', '=', id).execute();
}

/** Takes a host that is no more out of every aggregate. */
export async function leaveAggregates(api: ApiDatabase, host: string): Promise<void> {
  await api.deleteFrom('aggregate_hosts').where('host', '=', host).execute();
}

/** Whether an aggregate makes a zone of this name, be it empty. */
export async function isZone(api: ApiDatabase, name: string): Promise<boolean> {
  const row = await api
    .selectFrom('aggregates')
    .select('id')
    .where(sql`metadata ->> 'availability_zone'`, '=', name)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The zone that an aggregate puts this host into; null without one. */
export async function zoneOfHost(api: ApiDatabase, host: string): Promise<string | null> {
  const row = await api
    .selectFrom('aggregates')
    .innerJoin('aggregate_hosts', 'aggregate_hosts.aggregate_id', 'aggregates.id')
    .select(sql<string>`metadata ->> 'availability_zone'`.as('zone'))
    .where('host', '=', host)
    .where(sql`metadata ->> 'availability_zone'`, 'is not', null)
    .orderBy('aggregates.id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.zone ?? null;
}

/** The availability zone of each host that is in one; all others are in the default zone. */
export const zonesOfHosts = (aggregates: readonly Aggregate[]): ReadonlyMap<string, string> =>
  new Map(
    aggregates.flatMap(({ metadata, hosts }) =>
      metadata['availability_zone'] === undefined ? [] : hosts.map((host) => [host, metadata['availability_zone']!] as const),
    ),
  );
