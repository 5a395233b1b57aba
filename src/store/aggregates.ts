import type { ApiDatabase } from './stores.ts';

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
  return rows.map((row) => ({
    id: row.id,
    uuid: row.uuid,
    name: row.name,
    metadata: row.metadata,
    hosts: (hosts.get(row.id) ?? []).map((member) => member.host),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));
}

/** The availability zone of each host that is in one; all others are in the default zone. */
export const zonesOfHosts = (aggregates: readonly Aggregate[]): ReadonlyMap<string, string> =>
  new Map(aggregates.flatMap(({ metadata, hosts }) => (metadata['availability_zone'] === undefined ? [] : hosts.map((host) => [host, metadata['availability_zone']!] as const))));
