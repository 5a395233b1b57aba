import type { Selectable } from 'kysely';
import type { ApiDatabase, Stores } from './stores.ts';
import type { ApiTables } from './tables.ts';

export interface ServerGroup {
  readonly rowId: number;
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly userId: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  readonly rules: { readonly max_server_per_host?: number };
  readonly memberIds: readonly string[];
}

const toGroup = (row: Selectable<ApiTables['server_groups']>, memberIds: readonly string[]): ServerGroup => ({
  rowId: row.id,
  id: row.uuid,
  name: row.name,
  projectId: row.project_id,
  userId: row.user_id,
  policy: row.policy as ServerGroup['policy'],
  rules: row.rules,
  memberIds,
});

export async function findServerGroup(api: ApiDatabase, id: string): Promise<ServerGroup | null> {
  const row = await api.selectFrom('server_groups').selectAll().where('uuid', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const members = await api.selectFrom('server_group_members').select('instance_id').where('group_id', '=', row.id).orderBy('created_at').execute();
  return toGroup(row, members.map((member) => member.instance_id));
}

/** The group an instance is a member of. */
export async function groupOfInstance(api: ApiDatabase, instanceId: string): Promise<string | null> {
  const row = await api.selectFrom('server_group_members').innerJoin('server_groups', 'server_groups.id', 'server_group_members.group_id').select('server_groups.uuid').where('instance_id', '=', instanceId).executeTakeFirst();
  return row?.uuid ?? null;
}

/** Hosts of the live members of a group, one entry for each member. */
export async function memberHosts(stores: Stores, group: ServerGroup): Promise<string[]> {
  if (group.memberIds.length === 0) return [];
  const pages = await Promise.all(
    stores.cells().map(({ database }) => database.selectFrom('instances').select('host').where('uuid', 'in', group.memberIds).where('deleted_at', 'is', null).where('host', 'is not', null).execute()),
  );
  return pages.flat().flatMap(({ host }) => (host === null ? [] : [host]));
}
