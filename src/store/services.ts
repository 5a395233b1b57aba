import { sql } from 'kysely';
import type { NodeFacts } from '../domain/hosts.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
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

/** All services of all cells, by id. */
export async function listServices(stores: Stores): Promise<ServiceRecord[]> {
  const pages = await Promise.all(
    stores.cells().map(async ({ id: cellId, database }) => {
      const rows = await database.selectFrom('services').selectAll().orderBy('id').execute();
      return rows.map((row) => ({
        id: row.id, uuid: row.uuid, host: row.host, binary: row.binary_name, topic: row.topic, version: row.version, disabled: row.disabled, disabledReason: row.disabled_reason,
        forcedDown: row.forced_down, lastSeenAt: row.last_seen_at, createdAt: row.created_at, updatedAt: row.updated_at, cellId,
      }));
    }),
  );
  return pages.flat();
}

/** All hypervisors of all cells, by id. */
export async function listComputeNodes(stores: Stores): Promise<ComputeNode[]> {
  const pages = await Promise.all(
    stores.cells().map(async ({ id: cellId, database }) => {
      const rows = await database.selectFrom('compute_nodes').selectAll().orderBy('id').execute();
      return rows.map((row) => ({ id: row.id, uuid: row.uuid, host: row.host, name: row.name, facts: row.facts, cellId }));
    }),
  );
  return pages.flat();
}

/** Records that a service runs. A new one is disabled where new services shall be. */
export async function recordService(
  tx: Executor<CellTables>,
  service: { readonly uuid: string; readonly host: string; readonly binary: string; readonly topic: string; readonly version: number; readonly enabled: boolean },
): Promise<void> {
  await tx
    .insertInto('services')
    .values({
      uuid: service.uuid, host: service.host, binary_name: service.binary, topic: service.topic, version: service.version,
      disabled: !service.enabled, disabled_reason: service.enabled ? null : 'New service disabled due to config option.', last_seen_at: new Date(),
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
    .onConflict((conflict) => conflict.column('uuid').doUpdateSet((eb) => ({ host: eb.ref('excluded.host'), name: eb.ref('excluded.name'), facts: eb.ref('excluded.facts') as never, updated_at: new Date() })))
    .execute();
}

/** Remembers which cell a host is in. */
export async function mapHost(stores: Stores, host: string, cellId: string): Promise<void> {
  await stores.api.insertInto('host_mappings').values({ host, cell_id: cellId }).onConflict((conflict) => conflict.column('host').doNothing()).execute();
}

/** The cell of a host; the default one for a host that is not known yet. */
export async function cellOfHost(stores: Stores, host: string): Promise<string> {
  const row = await stores.api.selectFrom('host_mappings').select('cell_id').where('host', '=', host).executeTakeFirst();
  return row?.cell_id ?? stores.defaultCell.id;
}
