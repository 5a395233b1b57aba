import type { Selectable } from 'kysely';
import { invalid, notFound } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes, foundOr404, listLinks, selfLink } from '../collection-routes.ts';
import { newId, route, type IdentityDeps } from '../deps.ts';
import type { IdentityRule } from '../policy.ts';
import { domainFor, extraOf, given, IdText, listedDomain, Name, NullableText, refuseMove, unlessTaken } from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import type { GroupTable, IdentityExecutor } from '../tables.ts';
import { showGroup, showUser } from './views.ts';

type Group = Selectable<GroupTable>;

const fields = { description: { type: NullableText }, domain_id: { type: IdText } } as const;
const known = [...Object.keys(fields), 'name'];

const findRow = (deps: IdentityDeps, id: string): Promise<Group | undefined> =>
  deps.db.selectFrom('groups').selectAll().where('id', '=', id).executeTakeFirst();

/** Ids of the users in a group. */
export async function membersOf(db: IdentityExecutor, groupId: string): Promise<string[]> {
  const rows = await db.selectFrom('group_members').select('user_id').where('group_id', '=', groupId).execute();
  return rows.map(({ user_id }) => user_id);
}

const membership = (
  method: 'PUT' | 'GET' | 'HEAD' | 'DELETE',
  policy: IdentityRule,
  summary: string,
  act: (deps: IdentityDeps, groupId: string, userId: string) => Promise<boolean>,
): AnyRoute<IdentityDeps> =>
  route({
    method,
    path: '/v3/groups/:id/users/:userId',
    summary,
    policy,
    async load({ ctx, deps, params }) {
      const group = await foundOr404(ctx, policy, `group: ${params.id}`, findRow(deps, params.id));
      const user = await foundOr404(
        ctx,
        policy,
        `user: ${params.userId}`,
        deps.db.selectFrom('users').select('id').where('id', '=', params.userId).executeTakeFirst(),
      );
      return { group, user };
    },
    target: ({ group }) => ({ domain_id: group.domain_id }),
    reply: { status: 204 },
    async handle({ deps, loaded: { group, user } }) {
      if (!(await act(deps, group.id, user.id))) throw notFound(`Could not find user ${user.id} in group ${group.id}.`);
      return new Reply(204);
    },
  });

const isMember = async (deps: IdentityDeps, groupId: string, userId: string): Promise<boolean> =>
  (await deps.db
    .selectFrom('group_members')
    .select('user_id')
    .where('group_id', '=', groupId)
    .where('user_id', '=', userId)
    .executeTakeFirst()) !== undefined;

export const groupRoutes: readonly AnyRoute<IdentityDeps>[] = [
  ...collectionRoutes({
    one: 'group',
    find: findRow,
    target: (group) => ({ domain_id: group.domain_id }),
    show: showGroup,
    query: versionedQuery({ name: { type: anyText }, domain_id: { type: anyText } }),
    listTarget: ({ domain_id }, ctx) => ({ domain_id: listedDomain(ctx, domain_id) }),
    list({ deps, ctx }, { name, domain_id }) {
      let query = deps.db.selectFrom('groups').selectAll().orderBy('name').orderBy('id');
      const domain = listedDomain(ctx, domain_id);
      if (name !== undefined) query = query.where('name', '=', name);
      if (domain !== undefined) query = query.where('domain_id', '=', domain);
      return query.execute();
    },
    createBody: versionedBody('CreateGroup', { ...fields, name: { type: Name, required: true } }, { unknownKeys: 'accept' }),
    createTarget: ({ ctx }, body) => ({ domain_id: domainFor(ctx, body.domain_id) }),
    async create({ deps, ctx }, body) {
      const domainId = domainFor(ctx, body.domain_id);
      if ((await deps.db.selectFrom('domains').select('id').where('id', '=', domainId).executeTakeFirst()) === undefined)
        throw invalid(`Could not find domain: ${domainId}.`);
      const group = {
        id: newId(deps),
        domain_id: domainId,
        name: body.name,
        description: body.description ?? '',
        extra: JSON.stringify(extraOf(body, known)),
      };
      return unlessTaken('group', deps.db.insertInto('groups').values(group).returningAll().executeTakeFirstOrThrow());
    },
    updateBody: versionedBody('UpdateGroup', { ...fields, name: { type: Name } }, { unknownKeys: 'accept' }),
    update({ deps }, group, body) {
      refuseMove(group, body.domain_id);
      const changes = {
        ...given({ name: body.name, description: body.description === null ? '' : body.description }),
        extra: JSON.stringify({ ...group.extra, ...extraOf(body, known) }),
      };
      return unlessTaken(
        'group',
        deps.db.updateTable('groups').set(changes).where('id', '=', group.id).returningAll().executeTakeFirstOrThrow(),
      );
    },
    async remove({ deps }, group) {
      await deps.db.transaction().execute(async (tx) => {
        const members = await membersOf(tx, group.id);
        await tx.deleteFrom('role_assignments').where('actor_type', '=', 'group').where('actor_id', '=', group.id).execute();
        await tx.deleteFrom('groups').where('id', '=', group.id).execute();
        await revoke(
          tx,
          deps.clock,
          members.map((userId) => ({ userId })),
        );
      });
    },
  }),

  route({
    method: 'GET',
    path: '/v3/groups/:id/users',
    summary: 'List the users of a group',
    policy: 'identity:list_users_in_group',
    load: ({ ctx, deps, params }) => foundOr404(ctx, 'identity:list_users_in_group', `group: ${params.id}`, findRow(deps, params.id)),
    target: (group) => ({ domain_id: group.domain_id }),
    reply: { status: 200 },
    async handle({ ctx, deps, loaded }) {
      const rows = await deps.db
        .selectFrom('users')
        .innerJoin('group_members', 'user_id', 'users.id')
        .selectAll('users')
        .where('group_id', '=', loaded.id)
        .orderBy('name')
        .execute();
      return { users: rows.map((row) => ({ ...showUser(row), links: selfLink(ctx, `users/${row.id}`) })), links: listLinks(ctx) };
    },
  }),

  membership('PUT', 'identity:add_user_to_group', 'Put a user into a group', async (deps, group_id, user_id) => {
    await deps.db
      .insertInto('group_members')
      .values({ group_id, user_id })
      .onConflict((c) => c.doNothing())
      .execute();
    return true;
  }),
  membership('GET', 'identity:check_user_in_group', 'Tell whether a user is in a group', isMember),
  membership('HEAD', 'identity:check_user_in_group', 'Tell whether a user is in a group', isMember),
  membership('DELETE', 'identity:remove_user_from_group', 'Take a user out of a group', (deps, groupId, userId) =>
    deps.db.transaction().execute(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('group_members')
        .where('group_id', '=', groupId)
        .where('user_id', '=', userId)
        .executeTakeFirst();
      if (numDeletedRows > 0n) await revoke(tx, deps.clock, [{ userId }]);
      return numDeletedRows > 0n;
    }),
  ),
];
