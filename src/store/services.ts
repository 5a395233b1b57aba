import { sql, type ExpressionBuilder, type Selectable } from 'kysely';
import type { NodeFacts } from '../domain/hosts.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { Cell, Stores } from './stores.ts';
import type { CellTables } from './tables.ts';

/** A service record, as `os-services` shows it. Dates are ISO 8601 in UTC. */
export interface ServiceRecord {
  readonly id: number;
  readonly uuid: string;
  readonly host: string;
  /** Nova's name of the program, such as `nova-compute`. */
  readonly binary: string;
  readonly topic: string;
  readonly version: number;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
  readonly forcedDown: boolean;
  readonly lastSeenAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string | null;
  readonly cellId: string;
}

/** A hypervisor of a host. */
export interface ComputeNode {
  readonly id: number;
  readonly uuid: string;
  readonly host: string;
  readonly name: string;
  readonly facts: NodeFacts;
  readonly cellId: string;
}

/** Whether a service counts as up: it was seen lately, and nobody has forced it down. */
export const isUp = (service: Pick<ServiceRecord, 'lastSeenAt' | 'forcedDown'>, nowMs: number, downTimeSeconds: number): boolean =>
  !service.forcedDown && service.lastSeenAt !== null && nowMs - Date.parse(service.lastSeenAt) <= downTimeSeconds * 1000;

const toService = (row: Selectable<CellTables['services']>, cellId: string): ServiceRecord => ({
  id: row.id,
  uuid: row.uuid,
  host: row.host,
  binary: row.binary_name,
  topic: row.topic,
  version: row.version,
  disabled: row.disabled,
  disabledReason: row.disabled_reason,
  forcedDown: row.forced_down,
  lastSeenAt: row.last_seen_at,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  cellId,
});

/** What a service is named by: its id (by uuid or row) or the host and the program it is. */
export type ServiceName = { readonly uuid: string } | { readonly id: number } | { readonly host: string; readonly binary: string };

const isNamed = (name: ServiceName) => (eb: ExpressionBuilder<CellTables, 'services'>) =>
  'uuid' in name
    ? eb('uuid', '=', name.uuid)
    : 'id' in name
      ? eb('id', '=', name.id)
      : eb.and([eb('host', '=', name.host), eb('binary_name', '=', name.binary)]);

/** All services of all cells, by id. */
export async function listServices(stores: Stores): Promise<ServiceRecord[]> {
  const pages = await Promise.all(
    stores
      .cells()
      .map(async ({ id, database }) =>
        (await database.selectFrom('services').selectAll().orderBy('id').execute()).map((row) => toService(row, id)),
      ),
  );
  return pages.flat();
}

/** The compute services of these hosts, by host. */
export async function computeServicesOf(stores: Stores, hosts: readonly string[]): Promise<ReadonlyMap<string, ServiceRecord>> {
  if (hosts.length === 0) return new Map();
  const pages = await Promise.all(
    stores.hostCells().map(async ({ id, database }) => {
      const rows = await database
        .selectFrom('services')
        .selectAll()
        .where('binary_name', '=', 'nova-compute')
        .where('host', '=', sql<string>`ANY(${[...hosts]})`)
        .execute();
      return rows.map((row) => toService(row, id));
    }),
  );
  return new Map(pages.flat().map((service) => [service.host, service]));
}

/** The service of this name in whichever cell it is, or null. */
export async function findService(stores: Stores, name: ServiceName): Promise<ServiceRecord | null> {
  for (const { id, database } of stores.cells()) {
    const row = await database.selectFrom('services').selectAll().where(isNamed(name)).executeTakeFirst();
    if (row !== undefined) return toService(row, id);
  }
  return null;
}

/** Changes what operators may change of a service; null when it is gone. */
export async function updateService(
  stores: Stores,
  service: Pick<ServiceRecord, 'uuid' | 'cellId'>,
  changes: { readonly disabled?: boolean; readonly disabledReason?: string | null; readonly forcedDown?: boolean },
): Promise<ServiceRecord | null> {
  const row = await stores
    .cell(service.cellId)
    .updateTable('services')
    .set({
      ...(changes.disabled === undefined ? {} : { disabled: changes.disabled }),
      ...(changes.disabledReason === undefined ? {} : { disabled_reason: changes.disabledReason }),
      ...(changes.forcedDown === undefined ? {} : { forced_down: changes.forcedDown }),
      updated_at: new Date(),
    })
    .where('uuid', '=', service.uuid)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toService(row, service.cellId);
}

/** Forgets a service; that of a compute host with its nodes and the cell it was in. */
export async function deleteService(stores: Stores, service: ServiceRecord): Promise<void> {
  await stores
    .cell(service.cellId)
    .transaction()
    .execute(async (tx) => {
      await tx.deleteFrom('services').where('uuid', '=', service.uuid).execute();
      if (service.binary === 'nova-compute') await tx.deleteFrom('compute_nodes').where('host', '=', service.host).execute();
    });
  if (service.binary === 'nova-compute') await stores.api.deleteFrom('host_mappings').where('host', '=', service.host).execute();
}

const toNode = (row: Selectable<CellTables['compute_nodes']>, cellId: string): ComputeNode => ({
  id: row.id,
  uuid: row.uuid,
  host: row.host,
  name: row.name,
  facts: row.facts,
  cellId,
});

/** All hypervisors of all cells, by id. */
export async function listComputeNodes(stores: Stores): Promise<ComputeNode[]> {
  const pages = await Promise.all(
    stores
      .hostCells()
      .map(async ({ id, database }) =>
        (await database.selectFrom('compute_nodes').selectAll().orderBy('id').execute()).map((row) => toNode(row, id)),
      ),
  );
  return pages.flat();
}

/** What says whether a compute host may be used. */
export type HostLiveness = Pick<ServiceRecord, 'host' | 'disabled' | 'forcedDown' | 'lastSeenAt'>;

/** The compute services of all cells, only with what changes. */
export async function listHostLiveness(stores: Stores): Promise<HostLiveness[]> {
  const pages = await Promise.all(
    stores
      .hostCells()
      .map(({ database }) =>
        database
          .selectFrom('services')
          .select(['host', 'disabled', 'forced_down', 'last_seen_at'])
          .where('binary_name', '=', 'nova-compute')
          .execute(),
      ),
  );
  return pages
    .flat()
    .map(({ host, disabled, forced_down, last_seen_at }) => ({ host, disabled, forcedDown: forced_down, lastSeenAt: last_seen_at }));
}

/** The row version of every hypervisor of a cell, by uuid: what has another one than before was written since. */
export async function nodeVersions(cell: Cell): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ uuid: string; version: string }>`SELECT uuid, xmin::text AS version FROM compute_nodes`.execute(
    cell.database,
  );
  return new Map(rows.map(({ uuid, version }) => [uuid, version]));
}

/** Hypervisors of a cell by their uuids, in no order; all for null. */
export async function nodesOfCell(cell: Cell, uuids: readonly string[] | null): Promise<ComputeNode[]> {
  if (uuids?.length === 0) return [];
  const rows = await cell.database
    .selectFrom('compute_nodes')
    .selectAll()
    .$if(uuids !== null, (query) => query.where(sql<boolean>`uuid = ANY(${[...(uuids ?? [])]}::uuid[])`))
    .execute();
  return rows.map((row) => toNode(row, cell.id));
}

/** The hypervisors of a host, by id; none for a host that is not known. */
export async function nodesOfHost(stores: Stores, host: string): Promise<ComputeNode[]> {
  const pages = await Promise.all(
    stores
      .hostCells()
      .map(async ({ id, database }) =>
        (await database.selectFrom('compute_nodes').selectAll().where('host', '=', host).orderBy('id').execute()).map((row) =>
          toNode(row, id),
        ),
      ),
  );
  return pages.flat();
}

export async function findNode(
  stores: Stores,
  by: { readonly uuid: string } | { readonly id: number } | { readonly name: string },
): Promise<ComputeNode | null> {
  for (const { id: cellId, database } of stores.hostCells()) {
    const row = await database
      .selectFrom('compute_nodes')
      .selectAll()
      .where((eb) => ('uuid' in by ? eb('uuid', '=', by.uuid) : 'id' in by ? eb('id', '=', by.id) : eb('name', '=', by.name)))
      .executeTakeFirst();
    if (row !== undefined) return toNode(row, cellId);
  }
  return null;
}

/** One page of hypervisors, cell by cell and by id in each: those after `after`, whose names contain `named`. */
export async function pageOfNodes(
  stores: Stores,
  page: { readonly limit: number | null; readonly after: ComputeNode | null; readonly named: string | null },
): Promise<ComputeNode[]> {
  const { limit, after, named } = page;
  const nodes: ComputeNode[] = [];
  const cells = stores.hostCells();
  for (const { id, database } of after === null ? cells : cells.slice(cells.findIndex((cell) => cell.id === after.cellId))) {
    const room = limit === null ? null : limit - nodes.length;
    if (room === 0) break;
    const rows = await database
      .selectFrom('compute_nodes')
      .selectAll()
      .$if(after?.cellId === id, (query) => query.where('id', '>', after!.id))
      .$if(named !== null, (query) => query.where(sql<boolean>`strpos(lower(name), ${named!.toLowerCase()}) > 0`))
      .orderBy('id')
      .$if(room !== null, (query) => query.limit(room!))
      .execute();
    nodes.push(...rows.map((row) => toNode(row, id)));
  }
  return nodes;
}

/** Records that a service runs. A new one is disabled where new services shall be. */
export async function recordService(
  tx: Executor<CellTables>,
  service: {
    readonly uuid: string;
    readonly host: string;
    readonly binary: string;
    readonly topic: string;
    readonly version: number;
    readonly enabled: boolean;
  },
): Promise<void> {
  await tx
    .insertInto('services')
    .values({
      uuid: service.uuid,
      host: service.host,
      binary_name: service.binary,
      topic: service.topic,
      version: service.version,
      disabled: !service.enabled,
      disabled_reason: service.enabled ? null : 'New service disabled due to config option.',
      last_seen_at: new Date(),
    })
    .onConflict((conflict) => conflict.columns(['host', 'binary_name']).doUpdateSet({ version: service.version, last_seen_at: new Date() }))
    .execute();
}

/** Writes down who was seen alive, in one statement for all. */
export async function recordSeen(tx: Executor<CellTables>, binary: string, hosts: readonly string[]): Promise<void> {
  if (hosts.length === 0) return;
  await sql`UPDATE services SET last_seen_at = now() WHERE binary_name = ${binary} AND host = ANY(${[...hosts]})`.execute(tx);
}

/** Marks a service as stopped in an orderly way: it counts as down at once. */
export async function recordStopped(tx: Executor<CellTables>, binary: string, host: string): Promise<void> {
  await tx.updateTable('services').set({ last_seen_at: null }).where('binary_name', '=', binary).where('host', '=', host).execute();
}

/** Records the facts of nodes, new and known, in one statement. */
export async function recordNodes(tx: Executor<CellTables>, host: string, nodes: readonly NodeFacts[]): Promise<void> {
  if (nodes.length === 0) return;
  await tx
    .insertInto('compute_nodes')
    .values(nodes.map((node) => ({ uuid: node.uuid, host, name: node.name, facts: JSON.stringify(node) })))
    .onConflict((conflict) =>
      conflict.column('uuid').doUpdateSet((eb) => ({
        host: eb.ref('excluded.host'),
        name: eb.ref('excluded.name'),
        facts: eb.ref('excluded.facts') as never,
        updated_at: new Date(),
      })),
    )
    .execute();
}

/** Remembers which cell a host is in. */
export async function mapHost(stores: Stores, host: string, cellId: string): Promise<void> {
  await stores.api
    .insertInto('host_mappings')
    .values({ host, cell_id: cellId })
    .onConflict((conflict) => conflict.column('host').doNothing())
    .execute();
}

/** The cell of a host; the default one for a host that is not known yet. */
export async function cellOfHost(stores: Stores, host: string): Promise<string> {
  const row = await stores.api.selectFrom('host_mappings').select('cell_id').where('host', '=', host).executeTakeFirst();
  return row?.cell_id ?? stores.defaultCell.id;
}

/** The hosts, by the cell each is in. */
export async function hostsByCell(stores: Stores, hosts: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  if (hosts.length === 0) return new Map();
  const rows = await stores.api.selectFrom('host_mappings').select(['host', 'cell_id']).where('host', 'in', hosts).execute();
  const cells = new Map(rows.map((row) => [row.host, row.cell_id]));
  return Map.groupBy(hosts, (host) => cells.get(host) ?? stores.defaultCell.id);
}

/** Whether it is known which cell a host is in. */
export const isHostMapped = async (stores: Stores, host: string): Promise<boolean> =>
  (await stores.api.selectFrom('host_mappings').select('host').where('host', '=', host).executeTakeFirst()) !== undefined;
