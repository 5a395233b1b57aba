import { randomBytes } from 'node:crypto';
import type { Selectable } from 'kysely';
import Type from 'typebox';
import { forbidden, invalid, notFound } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { readToken } from '../../../domain/token.ts';
import { foundOr404, listLinks, selfLink } from '../collection-routes.ts';
import { newId, route, type IdentityDeps } from '../deps.ts';
import { isoTime } from '../iso-time.ts';
import { machineCost } from '../password-hash.ts';
import { Name, NullableText, unlessTaken } from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import type { ApplicationCredentialTable } from '../tables.ts';
import { findUserRow } from './users.ts';

type Credential = Selectable<ApplicationCredentialTable>;
interface RoleOf {
  readonly id: string;
  readonly name: string;
  readonly domain_id: string | null;
}

const collection = '/v3/users/:userId/application_credentials';
const CreateCredential = versionedBody('CreateApplicationCredential', {
  name: { type: Name, required: true },
  description: { type: NullableText },
  secret: { type: Type.Union([Type.String({ minLength: 1, maxLength: 4096 }), Type.Null()]) },
  expires_at: { type: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]) },
  roles: { type: Type.Array(Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) }), { maxItems: 64 }) },
  unrestricted: { type: Type.Union([Type.Boolean(), Type.Null()]) },
  project_id: { type: Type.String() },
  access_rules: { type: Type.Array(Type.Unknown(), { maxItems: 64 }) },
});

const find = (deps: IdentityDeps, userId: string, id: string): Promise<Credential | undefined> =>
  deps.db.selectFrom('application_credentials').selectAll().where('user_id', '=', userId).where('id', '=', id).executeTakeFirst();

async function rolesOf(deps: IdentityDeps, ids: readonly string[]): Promise<ReadonlyMap<string, readonly RoleOf[]>> {
  if (ids.length === 0) return new Map();
  const rows = await deps.db
    .selectFrom('application_credential_roles')
    .innerJoin('roles', 'roles.id', 'role_id')
    .select(['application_credential_id', 'roles.id', 'roles.name', 'roles.domain_id'])
    .where('application_credential_id', 'in', [...ids])
    .orderBy('roles.name')
    .execute();
  return Map.groupBy(rows, (row) => row.application_credential_id);
}

const show = (ctx: RequestContext, row: Credential, roles: readonly RoleOf[]): Record<string, unknown> => ({
  id: row.id,
  name: row.name,
  description: row.description,
  user_id: row.user_id,
  project_id: row.project_id,
  expires_at: row.expires_at === null ? null : isoTime(Date.parse(row.expires_at)).slice(0, -1),
  roles: roles.map(({ id, name, domain_id }) => ({ id, name, domain_id })),
  unrestricted: row.unrestricted,
  system: null,
  links: selfLink(ctx, `users/${row.user_id}/application_credentials/${row.id}`),
});

/** A credential must not make or remove others, unless it was made for that. */
function refuseRestricted(deps: IdentityDeps, ctx: RequestContext): void {
  const reading = readToken(ctx.caller.token, deps.keys.publicKeys, deps.clock.now());
  if (reading.kind === 'valid' && reading.claims.applicationCredential?.restricted !== true) return;
  throw forbidden('Using method "application_credential" is not allowed for managing additional application credentials.');
}

/** The roles to delegate: those named, or all; never one that the caller's token does not have. */
async function delegated(
  deps: IdentityDeps,
  ctx: RequestContext,
  named: readonly { readonly id?: string; readonly name?: string }[] | undefined,
): Promise<RoleOf[]> {
  const held = (await deps.db.selectFrom('roles').select(['id', 'name', 'domain_id']).where('domain_id', 'is', null).execute()).filter(
    ({ name }) => ctx.caller.roles.includes(name.toLowerCase()),
  );
  if (named === undefined || named.length === 0) return held;
  const chosen = named.map(({ id, name }) => {
    const role = held.find((one) => (id === undefined ? one.name === name : one.id === id));
    if (role === undefined)
      throw invalid(`Invalid application credential: the caller does not have the role ${id ?? name ?? ''} on this project.`);
    return role;
  });
  return [...new Set(chosen)];
}

function expiry(deps: IdentityDeps, text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  const time = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(time)) throw invalid(`Invalid input for field 'expires_at': '${text}' is not a time.`);
  if (time <= deps.clock.now()) throw invalid('Invalid application credential: it would have expired already.');
  return isoTime(time);
}

const owned = ({ params }: { readonly params: { readonly userId: string } }): { readonly user_id: string } => ({ user_id: params.userId });

export const applicationCredentialRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'POST',
    path: collection,
    summary: 'Create an application credential',
    policy: 'identity:create_application_credential',
    load: async (input) => owned(input),
    target: (facts) => facts,
    body: { key: 'application_credential', schema: CreateCredential },
    reply: { status: 201, key: 'application_credential' },
    async handle({ body, ctx, deps }) {
      refuseRestricted(deps, ctx);
      const { projectId, userId } = ctx.caller;
      if (projectId === null) throw invalid('Application credentials are made with a token for a project.');
      if (body.project_id !== undefined && body.project_id !== projectId)
        throw forbidden('An application credential is for the project of the token.');
      if (body.access_rules !== undefined && body.access_rules.length > 0)
        throw invalid('Access rules of application credentials are not supported.');
      const roles = await delegated(deps, ctx, body.roles);
      const secret = body.secret ?? randomBytes(64).toString('base64url');
      const row: Credential = {
        id: newId(deps),
        user_id: userId,
        project_id: projectId,
        name: body.name,
        description: body.description ?? null,
        secret_hash: body.secret == null ? await deps.passwords.hash(secret, machineCost) : await deps.passwords.hash(secret),
        expires_at: expiry(deps, body.expires_at),
        unrestricted: body.unrestricted ?? false,
      };
      await deps.db.transaction().execute(async (tx) => {
        await unlessTaken('application_credential', tx.insertInto('application_credentials').values(row).execute());
        await tx
          .insertInto('application_credential_roles')
          .values(roles.map(({ id }) => ({ application_credential_id: row.id, role_id: id })))
          .execute();
      });
      return { ...show(ctx, row, roles), secret };
    },
  }),
  route({
    method: 'GET',
    path: collection,
    summary: 'List application credentials of a user',
    policy: 'identity:list_application_credentials',
    query: versionedQuery({ name: { type: anyText } }),
    load: async (input) => owned(input),
    target: (facts) => facts,
    reply: { status: 200 },
    async handle({ ctx, deps, params, query: { name } }) {
      if ((await findUserRow(deps, params.userId)) === undefined) throw notFound(`Could not find user: ${params.userId}.`);
      let query = deps.db.selectFrom('application_credentials').selectAll().where('user_id', '=', params.userId).orderBy('name');
      if (name !== undefined) query = query.where('name', '=', name);
      const rows = await query.execute();
      const roles = await rolesOf(
        deps,
        rows.map(({ id }) => id),
      );
      return { application_credentials: rows.map((row) => show(ctx, row, roles.get(row.id) ?? [])), links: listLinks(ctx) };
    },
  }),
  route({
    method: 'GET',
    path: `${collection}/:id`,
    summary: 'Show an application credential',
    policy: 'identity:get_application_credential',
    load: ({ ctx, deps, params }) =>
      foundOr404(
        ctx,
        'identity:get_application_credential',
        `application credential: ${params.id}`,
        find(deps, params.userId, params.id),
        owned({ params }),
      ),
    target: (row) => ({ user_id: row.user_id }),
    reply: { status: 200, key: 'application_credential' },
    handle: async ({ ctx, deps, loaded }) => show(ctx, loaded, (await rolesOf(deps, [loaded.id])).get(loaded.id) ?? []),
  }),
  route({
    method: 'DELETE',
    path: `${collection}/:id`,
    summary: 'Delete an application credential',
    policy: 'identity:delete_application_credential',
    load: ({ ctx, deps, params }) =>
      foundOr404(
        ctx,
        'identity:delete_application_credential',
        `application credential: ${params.id}`,
        find(deps, params.userId, params.id),
        owned({ params }),
      ),
    target: (row) => ({ user_id: row.user_id }),
    reply: { status: 204 },
    async handle({ ctx, deps, loaded }) {
      refuseRestricted(deps, ctx);
      await deps.db.transaction().execute(async (tx) => {
        await tx.deleteFrom('application_credentials').where('id', '=', loaded.id).execute();
        await revoke(tx, deps.clock, [{ applicationCredentialId: loaded.id }]);
      });
      return new Reply(204);
    },
  }),
];
