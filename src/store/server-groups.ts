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

/** Runs work on the places of a group's servers while no other does, in whichever process. */
export const placingGroup = <T>(api: ApiDatabase, groupId: string, work: (tx: ApiDatabase) => Promise<T>): Promise<T> =>
  api.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`places of server group ${groupId}`}, 0))`.execute(tx);
    return work(tx);
  });

/** Notes where members have been given a place, before they are there; null takes the note back. */
export async function recordClaims(api: ApiDatabase, hosts: Readonly<Record<string, string | null>>): Promise<void> {
  for (const [host, ids] of Map.groupBy(Object.keys(hosts), (id) => hosts[id] ?? null))
    await api.updateTable('server_group_members').set({ claimed_host: host }).where('instance_id', 'in', ids).execute();
}

/** Hosts of the live members of a group but these: where they are and, while something is done to them, where they are going; one entry for each member and host. */
export async function placesOfMembers(api: ApiDatabase, stores: Stores, group: ServerGroup, except: readonly string[]): Promise<string[]> {
  const members = await api
    .selectFrom('server_group_members')
    .select(['instance_id', 'claimed_host'])
    .where('group_id', '=', group.rowId)
    .$if(except.length > 0, (query) => query.where('instance_id', 'not in', except))
    .execute();
  if (members.length === 0) return [];
  const ids = members.map(({ instance_id }) => instance_id);
  let rows = await rowsOf(stores, ids);
  // whoever moves to the cell of its host may be missed in both; it is in one of them at a second look
  const missed = ids.filter((id) => !rows.has(id));
  if (missed.length > 0) rows = new Map([...rows, ...(await rowsOf(stores, missed))]);
  return members.flatMap(({ instance_id, claimed_host }) => {
    const row = rows.get(instance_id);
    if (row === undefined || row.deleted) return [];
    const going = row.busy && claimed_host !== null && claimed_host !== row.host ? [claimed_host] : [];
    return row.host === null ? going : [row.host, ...going];
  });
}

async function rowsOf(stores: Stores, ids: readonly string[]) {
  const pages = await Promise.all(
    stores
      .cells()
      .map(({ database }) =>
        database
          .selectFrom('instances')
          .select(['uuid', 'host', 'vm_state', 'task_state', 'deleted_at'])
          .where('uuid', 'in', ids)
          .execute(),
      ),
  );
  const found = new Map<string, { readonly host: string | null; readonly busy: boolean; readonly deleted: boolean }>();
  for (const { uuid, host, vm_state, task_state, deleted_at } of pages.flat()) {
    const known = found.get(uuid);
    if (known !== undefined && known.host !== null) continue;
    found.set(uuid, { host, busy: task_state !== null || vm_state === 'building', deleted: deleted_at !== null });
  }
  return found;
}
