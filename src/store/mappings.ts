import { sql, type SqlBool } from 'kysely';
import type { RequestSpec } from '../domain/request-spec.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
import type { ApiTables } from './tables.ts';

/** Says where instances are and how they were asked for; written before the instances themselves. */
export async function mapInstances(
  tx: Executor<ApiTables>,
  entries: readonly {
    readonly instanceId: string;
    readonly projectId: string;
    readonly userId: string;
    readonly cellId: string;
    readonly spec: RequestSpec;
  }[],
): Promise<void> {
  await tx
    .with('mapped', (query) =>
      query
        .insertInto('instance_mappings')
        .values(entries.map((e) => ({ instance_id: e.instanceId, project_id: e.projectId, user_id: e.userId, cell_id: e.cellId }))),
    )
    .insertInto('request_specs')
    .values(entries.map((e) => ({ instance_id: e.instanceId, spec: JSON.stringify(e.spec) })))
    .execute();
}

/** The zones that instances are pinned to, of those that are. */
export async function pinnedZones(stores: Stores, instanceIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (instanceIds.length === 0) return new Map();
  const rows = await stores.api
    .selectFrom('request_specs')
    .select(['instance_id', sql<string>`spec->>'availabilityZone'`.as('zone')])
    .where('instance_id', 'in', instanceIds)
    .where(sql<SqlBool>`spec->>'availabilityZone' IS NOT NULL`)
    .execute();
  return new Map(rows.map((row) => [row.instance_id, row.zone]));
}
export async function requestSpecOf(stores: Stores, instanceId: string): Promise<RequestSpec | null> {
  const row = await stores.api.selectFrom('request_specs').select('spec').where('instance_id', '=', instanceId).executeTakeFirst();
  return row?.spec ?? null;
}

/** Changes how an instance is asked for from now on, such as with another image. Nothing, when there is no such request. */
export async function updateRequestSpec(stores: Stores, instanceId: string, changes: Partial<RequestSpec>): Promise<void> {
  await stores.api
    .updateTable('request_specs')
    .set({ spec: sql`spec || ${JSON.stringify(changes)}::jsonb` as never })
    .where('instance_id', '=', instanceId)
    .execute();
}

/** Forgets a deleted instance's request and membership; its mapping stays, so that lists of deleted servers still find it. */
export async function forgetInstance(stores: Stores, instanceId: string): Promise<void> {
  await stores.api
    .with('spec', (query) => query.deleteFrom('request_specs').where('instance_id', '=', instanceId))
    .deleteFrom('server_group_members')
    .where('instance_id', '=', instanceId)
    .execute();
}
