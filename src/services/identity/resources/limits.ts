import type { Selectable } from 'kysely';
import Type from 'typebox';
import { invalid } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { plainBody, versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes, selfLink } from '../collection-routes.ts';
import { newId, route, type IdentityDeps } from '../deps.ts';
import { given, IdText, NullableId, NullableText, unlessTaken } from '../resource-fields.ts';
import type { IdentityExecutor, LimitTable, RegisteredLimitTable } from '../tables.ts';

/** A limit with what it shares with the registered one it overrides. */
type Limit = Selectable<LimitTable> & Pick<RegisteredLimitTable, 'service_id' | 'region_id' | 'resource_name'>;

const LimitValue = Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 });
const CreateLimits = plainBody(
  'CreateLimits',
  Type.Array(
    Type.Object(
      {
        service_id: IdText,
        region_id: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()])),
        resource_name: Type.String({ minLength: 1, maxLength: 255 }),
        resource_limit: LimitValue,
        project_id: Type.Optional(NullableId),
        domain_id: Type.Optional(NullableId),
        description: Type.Optional(NullableText),
      },
      { additionalProperties: false },
    ),
    { minItems: 1, maxItems: 1000 },
  ),
);

const limits = (db: IdentityExecutor) =>
  db
    .selectFrom('limits')
    .innerJoin('registered_limits as registered', 'registered.id', 'registered_limit_id')
    .selectAll('limits')
    .select(['service_id', 'region_id', 'resource_name']);

const show = ({ registered_limit_id: _unused, ...limit }: Limit): Record<string, unknown> => limit;

async function insert(
  deps: IdentityDeps,
  tx: IdentityExecutor,
  {
    service_id,
    region_id = null,
    resource_name,
    resource_limit,
    project_id = null,
    domain_id = null,
    description = null,
  }: (typeof CreateLimits)['value'] extends readonly (infer One)[] | undefined ? One : never,
): Promise<Limit> {
  if ((project_id === null) === (domain_id === null)) throw invalid('A limit is for a project or for a domain.');
  const registered = await tx
    .selectFrom('registered_limits')
    .select('id')
    .where('service_id', '=', service_id)
    .where('resource_name', '=', resource_name)
    .where('region_id', region_id === null ? 'is' : '=', region_id)
    .executeTakeFirst();
  if (registered === undefined) throw invalid(`There is no registered limit for ${resource_name} of service ${service_id}.`);
  const owner =
    project_id === null
      ? tx
          .selectFrom('domains')
          .select('id')
          .where('id', '=', domain_id ?? '')
      : tx.selectFrom('projects').select('id').where('id', '=', project_id);
  if ((await owner.executeTakeFirst()) === undefined)
    throw invalid(`Could not find ${project_id === null ? 'domain' : 'project'}: ${project_id ?? domain_id ?? ''}.`);
  const row = { id: newId(deps), registered_limit_id: registered.id, project_id, domain_id, resource_limit, description };
  await unlessTaken('limit', tx.insertInto('limits').values(row).execute());
  return { ...row, service_id, region_id, resource_name };
}

export const limitRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/v3/limits/model',
    summary: 'Show how limits are enforced',
    policy: 'public',
    reply: { status: 200, key: 'model' },
    handle: () => ({ name: 'flat', description: 'Limit enforcement and validation does not take project hierarchy into consideration.' }),
  }),
  ...collectionRoutes({
    one: 'limit',
    find: (deps, id) => limits(deps.db).where('limits.id', '=', id).executeTakeFirst(),
    target: ({ project_id, domain_id }) => ({ project_id, domain_id }),
    show,
    query: versionedQuery({
      service_id: { type: anyText },
      region_id: { type: anyText },
      resource_name: { type: anyText },
      project_id: { type: anyText },
      domain_id: { type: anyText },
    }),
    list({ ctx, deps }, filters) {
      const { service_id, region_id, resource_name, project_id, domain_id } = filters;
      let query = limits(deps.db).orderBy('resource_name').orderBy('limits.id');
      if (!ctx.can('identity:list_all_limits', {})) {
        const { projectId, domainId } = ctx.caller;
        if (projectId === null && domainId === null) return Promise.resolve([]);
        query = projectId === null ? query.where('limits.domain_id', '=', domainId) : query.where('limits.project_id', '=', projectId);
      }
      if (project_id !== undefined) query = query.where('limits.project_id', '=', project_id);
      if (domain_id !== undefined) query = query.where('limits.domain_id', '=', domain_id);
      return query.where((eb) => eb.and(given({ service_id, region_id, resource_name }))).execute();
    },
    updateBody: versionedBody('UpdateLimit', { resource_limit: { type: LimitValue }, description: { type: NullableText } }),
    async update({ deps }, limit, body) {
      if (Object.keys(body).length > 0)
        await deps.db
          .updateTable('limits')
          .set(given({ ...body }))
          .where('id', '=', limit.id)
          .execute();
      return limits(deps.db).where('limits.id', '=', limit.id).executeTakeFirstOrThrow();
    },
    async remove({ deps }, limit) {
      await deps.db.deleteFrom('limits').where('id', '=', limit.id).execute();
    },
  }),
  route({
    method: 'POST',
    path: '/v3/limits',
    summary: 'Create limits',
    policy: 'identity:create_limit',
    body: { key: 'limits', schema: CreateLimits },
    reply: { status: 201, key: 'limits' },
    async handle({ body, ctx, deps }) {
      const rows = await deps.db.transaction().execute(async (tx) => {
        const made: Limit[] = [];
        for (const one of body) made.push(await insert(deps, tx, one));
        return made;
      });
      return rows.map((row) => ({ ...show(row), links: selfLink(ctx, `limits/${row.id}`) }));
    },
  }),
];
