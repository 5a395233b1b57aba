import { sql, type Selectable } from 'kysely';
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
  const members = await api
    .selectFrom('server_group_members')
    .select('instance_id')
    .where('group_id', '=', row.id)
    .orderBy('created_at')
    .execute();
  return toGroup(
    row,
    members.map((member) => member.instance_id),
  );
}

/** One page of groups, oldest first: those of a project, or all for null. */
export async function listServerGroups(
  api: ApiDatabase,
  projectId: string | null,
  page: { readonly limit: number; readonly offset: number },
): Promise<ServerGroup[]> {
  const rows = await api
    .selectFrom('server_groups')
    .selectAll()
    .$if(projectId !== null, (query) => query.where('project_id', '=', projectId!))
    .orderBy('id')
    .limit(page.limit)
    .offset(page.offset)
    .execute();
  if (rows.length === 0) return [];
  const members = await api
    .selectFrom('server_group_members')
    .select(['group_id', 'instance_id'])
    .where(
      'group_id',
      'in',
      rows.map((row) => row.id),
    )
    .orderBy('created_at')
    .execute();
  const byGroup = Map.groupBy(members, (member) => member.group_id);
  return rows.map((row) =>
    toGroup(
      row,
      (byGroup.get(row.id) ?? []).map((member) => member.instance_id),
    ),
  );
}

export async function countServerGroups(api: ApiDatabase, projectId: string): Promise<number> {
  const { count } = await api
    .selectFrom('server_groups')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow();
  return count;
}

/** Adds a group, unless the project has `atMost` already (-1: as many as it likes): null then. */
export async function createServerGroup(
  api: ApiDatabase,
  group: Omit<ServerGroup, 'rowId' | 'memberIds'>,
  atMost: number,
): Promise<ServerGroup | null> {
  return api.transaction().execute(async (tx) => {
    if (atMost >= 0) {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`server groups of ${group.projectId}`}, 0))`.execute(tx);
      if ((await countServerGroups(tx, group.projectId)) >= atMost) return null;
    }
    const row = await tx
      .insertInto('server_groups')
      .values({
        uuid: group.id,
        name: group.name,
        project_id: group.projectId,
        user_id: group.userId,
        policy: group.policy,
        rules: JSON.stringify(group.rules),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toGroup(row, []);
  });
}

/** Members stay as they are. Answers whether there was such a group. */
export async function deleteServerGroup(api: ApiDatabase, id: string): Promise<boolean> {
  const { numDeletedRows } = await api.deleteFrom('server_groups').where('uuid', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** The group an instance is a member of. */
export async function groupOfInstance(api: ApiDatabase, instanceId: string): Promise<string | null> {
  const row = await api
    .selectFrom('server_group_members')
    .innerJoin('server_groups', 'server_groups.id', 'server_group_members.group_id')
    .select('server_groups.uuid')
    .where('instance_id', '=', instanceId)
    .executeTakeFirst();
  return row?.uuid ?? null;
}

/** Hosts of the live members of a group, one entry for each member. */
export async function memberHosts(stores: Stores, group: ServerGroup): Promise<string[]> {
  if (group.memberIds.length === 0) return [];
  const pages = await Promise.all(
    stores
      .cells()
      .map(({ database }) =>
        database
          .selectFrom('instances')
          .select('host')
          .where('uuid', 'in', group.memberIds)
          .where('deleted_at', 'is', null)
          .where('host', 'is not', null)
          .execute(),
      ),
  );
  return pages.flat().flatMap(({ host }) => (host === null ? [] : [host]));
}
