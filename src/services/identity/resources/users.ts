import type { Selectable } from 'kysely';
import Type from 'typebox';
import { invalid } from '../../../lib/errors.ts';
import { anyText, booleanText, isTruthy, versionedQuery } from '../../../lib/http/query.ts';
import { plainBody, versionedBody } from '../../../lib/http/versioned-body.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { collectionRoutes, foundOr404, listLinks, selfLink } from '../collection-routes.ts';
import { newId, refused, route, type IdentityDeps } from '../deps.ts';
import { isoTime } from '../iso-time.ts';
import { projectIdsOf } from '../effective-roles.ts';
import {
  domainFor,
  extraOf,
  Flag,
  given,
  IdText,
  listedDomain,
  Name,
  NullableId,
  Options,
  refuseMove,
  unlessTaken,
} from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import type { UserTable } from '../tables.ts';
import { showGroup, showProject, showUser } from './views.ts';

type User = Selectable<UserTable>;

const Password = Type.String({ minLength: 1, maxLength: 4096 });
const fields = {
  default_project_id: { type: NullableId },
  enabled: { type: Flag },
  options: { type: Options },
  password: { type: Type.Union([Password, Type.Null()]) },
  domain_id: { type: IdText },
} as const;
const known = [...Object.keys(fields), 'name', 'password_expires_at'];
const CreateUser = versionedBody('CreateUser', { ...fields, name: { type: Name, required: true } }, { unknownKeys: 'accept' });
const UpdateUser = versionedBody('UpdateUser', { ...fields, name: { type: Name } }, { unknownKeys: 'accept' });

export const findUserRow = (deps: IdentityDeps, id: string): Promise<User | undefined> =>
  deps.db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();

const passwordColumns = async (
  deps: IdentityDeps,
  password: string | null | undefined,
): Promise<Pick<User, 'password_hash' | 'password_changed_at'> | null> =>
  password === undefined
    ? null
    : { password_hash: password === null ? null : await deps.passwords.hash(password), password_changed_at: isoTime(deps.clock.now()) };

export const userRoutes: readonly AnyRoute<IdentityDeps>[] = [
  ...collectionRoutes({
    one: 'user',
    find: findUserRow,
    target: (user) => ({ user_id: user.id, domain_id: user.domain_id }),
    show: showUser,
    query: versionedQuery({ name: { type: anyText }, domain_id: { type: anyText }, enabled: { type: booleanText } }),
    listTarget: ({ domain_id }, ctx) => ({ domain_id: listedDomain(ctx, domain_id) }),
    list({ deps, ctx }, { name, domain_id, enabled }) {
      let query = deps.db.selectFrom('users').selectAll().orderBy('name').orderBy('id');
      const domain = listedDomain(ctx, domain_id);
      if (name !== undefined) query = query.where('name', '=', name);
      if (domain !== undefined) query = query.where('domain_id', '=', domain);
      if (enabled !== undefined) query = query.where('enabled', '=', isTruthy(enabled));
      return query.execute();
    },
    createBody: CreateUser,
    createTarget: ({ ctx }, body) => ({ domain_id: domainFor(ctx, body.domain_id) }),
    async create({ deps, ctx }, body) {
      const domainId = domainFor(ctx, body.domain_id);
      const domain = await deps.db.selectFrom('domains').select('id').where('id', '=', domainId).executeTakeFirst();
      if (domain === undefined) throw invalid(`Could not find domain: ${domainId}.`);
      const user = {
        id: newId(deps),
        domain_id: domainId,
        name: body.name,
        enabled: body.enabled ?? true,
        default_project_id: body.default_project_id ?? null,
        password_hash: null,
        password_changed_at: null,
        ...(await passwordColumns(deps, body.password)),
        options: JSON.stringify(body.options ?? {}),
        extra: JSON.stringify(extraOf(body, known)),
      };
      return unlessTaken('user', deps.db.insertInto('users').values(user).returningAll().executeTakeFirstOrThrow());
    },
    updateBody: UpdateUser,
    async update({ deps }, user, body) {
      refuseMove(user, body.domain_id);
      const password = await passwordColumns(deps, body.password);
      const changes = {
        ...given({ name: body.name, enabled: body.enabled, default_project_id: body.default_project_id }),
        ...password,
        options: JSON.stringify({ ...user.options, ...body.options }),
        extra: JSON.stringify({ ...user.extra, ...extraOf(body, known) }),
      };
      return deps.db.transaction().execute(async (tx) => {
        const updated = await unlessTaken(
          'user',
          tx.updateTable('users').set(changes).where('id', '=', user.id).returningAll().executeTakeFirstOrThrow(),
        );
        if (password !== null || (user.enabled && body.enabled === false)) await revoke(tx, deps.clock, [{ userId: user.id }]);
        return updated;
      });
    },
    async remove({ deps }, user) {
      await deps.db.transaction().execute(async (tx) => {
        await tx.deleteFrom('role_assignments').where('actor_type', '=', 'user').where('actor_id', '=', user.id).execute();
        await tx.deleteFrom('users').where('id', '=', user.id).execute();
        await revoke(tx, deps.clock, [{ userId: user.id }]);
      });
    },
  }),

  route({
    method: 'POST',
    path: '/v3/users/:id/password',
    summary: 'Change one’s own password',
    policy: 'public', // who knows the password is the user; a token is not asked for
    body: { key: 'user', schema: plainBody('ChangePassword', Type.Object({ original_password: Password, password: Password })) },
    reply: { status: 204 },
    async handle({ params, body, ctx, deps }) {
      const user = await findUserRow(deps, params.id);
      const hash = user?.enabled === true ? user.password_hash : null;
      const good = await deps.throttle.attempt(`${ctx.remoteAddress} ${params.id}`, () =>
        deps.passwords.verify(body.original_password, hash),
      );
      if (!good || user === undefined) throw refused();
      if (body.password === body.original_password) throw invalid('The new password cannot be identical to a previous password.');
      const columns = await passwordColumns(deps, body.password);
      await deps.db.transaction().execute(async (tx) => {
        await tx
          .updateTable('users')
          .set(columns ?? {})
          .where('id', '=', user.id)
          .execute();
        await revoke(tx, deps.clock, [{ userId: user.id }]);
      });
    },
  }),

  route({
    method: 'GET',
    path: '/v3/users/:id/projects',
    summary: 'List the projects a user has a role on',
    policy: 'identity:list_user_projects',
    load: ({ ctx, deps, params }) => foundOr404(ctx, 'identity:list_user_projects', `user: ${params.id}`, findUserRow(deps, params.id)),
    target: (user) => ({ user_id: user.id, domain_id: user.domain_id }),
    reply: { status: 200 },
    async handle({ ctx, deps, loaded }) {
      const ids = await projectIdsOf(deps.db, loaded.id);
      const rows =
        ids.length === 0 ? [] : await deps.db.selectFrom('projects').selectAll().where('id', 'in', ids).orderBy('name').execute();
      return { projects: rows.map((row) => ({ ...showProject(row), links: selfLink(ctx, `projects/${row.id}`) })), links: listLinks(ctx) };
    },
  }),

  route({
    method: 'GET',
    path: '/v3/users/:id/groups',
    summary: 'List the groups of a user',
    policy: 'identity:list_groups_for_user',
    load: ({ ctx, deps, params }) => foundOr404(ctx, 'identity:list_groups_for_user', `user: ${params.id}`, findUserRow(deps, params.id)),
    target: (user) => ({ user_id: user.id, domain_id: user.domain_id }),
    reply: { status: 200 },
    async handle({ ctx, deps, loaded }) {
      const rows = await deps.db
        .selectFrom('groups')
        .selectAll()
        .where('id', 'in', (eb) => eb.selectFrom('group_members').select('group_id').where('user_id', '=', loaded.id))
        .orderBy('name')
        .execute();
      return { groups: rows.map((row) => ({ ...showGroup(row), links: selfLink(ctx, `groups/${row.id}`) })), links: listLinks(ctx) };
    },
  }),
];
