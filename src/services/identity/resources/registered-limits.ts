import Type from 'typebox';
import { conflict, forbidden, invalid } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { plainBody, versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes, selfLink } from '../collection-routes.ts';
import { newId, route, type IdentityDeps } from '../deps.ts';
import { given, IdText, NullableText, unlessTaken } from '../resource-fields.ts';

const Region = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]);
const ResourceName = Type.String({ minLength: 1, maxLength: 255 });
/** -1 is without limit. */
const LimitValue = Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 });
const CreateRegisteredLimits = plainBody(
  'CreateRegisteredLimits',
  Type.Array(
    Type.Object(
      {
        service_id: IdText,
        region_id: Type.Optional(Region),
        resource_name: ResourceName,
        default_limit: LimitValue,
        description: Type.Optional(NullableText),
      },
      { additionalProperties: false },
    ),
    { minItems: 1, maxItems: 1000 },
  ),
);
const UpdateRegisteredLimit = versionedBody('UpdateRegisteredLimit', {
  service_id: { type: IdText },
  region_id: { type: Region },
  resource_name: { type: ResourceName },
  default_limit: { type: LimitValue },
  description: { type: NullableText },
});

async function checkReferences(
  deps: IdentityDeps,
  { service_id, region_id }: { readonly service_id?: string | undefined; readonly region_id?: string | null | undefined },
): Promise<void> {
  if (
    service_id !== undefined &&
    (await deps.db.selectFrom('services').select('id').where('id', '=', service_id).executeTakeFirst()) === undefined
  ) {
    throw invalid(`Could not find service: ${service_id}.`);
  }
  if (
    region_id != null &&
    (await deps.db.selectFrom('regions').select('id').where('id', '=', region_id).executeTakeFirst()) === undefined
  ) {
    throw invalid(`Could not find region: ${region_id}.`);
  }
}

export const registeredLimitRoutes: readonly AnyRoute<IdentityDeps>[] = [
  ...collectionRoutes({
    one: 'registered_limit',
    find: (deps, id) => deps.db.selectFrom('registered_limits').selectAll().where('id', '=', id).executeTakeFirst(),
    show: (row) => ({ ...row }),
    query: versionedQuery({ service_id: { type: anyText }, region_id: { type: anyText }, resource_name: { type: anyText } }),
    list({ deps }, filters) {
      return deps.db
        .selectFrom('registered_limits')
        .selectAll()
        .where((eb) => eb.and(given(filters)))
        .orderBy('resource_name')
        .orderBy('id')
        .execute();
    },
    updateBody: UpdateRegisteredLimit,
    async update({ deps }, row, body) {
      await checkReferences(deps, body);
      if (Object.keys(body).length === 0) return row;
      return unlessTaken(
        'registered_limit',
        deps.db
          .updateTable('registered_limits')
          .set(given({ ...body }))
          .where('id', '=', row.id)
          .returningAll()
          .executeTakeFirstOrThrow(),
      );
    },
    async remove({ deps }, row) {
      const used = await deps.db.selectFrom('limits').select('id').where('registered_limit_id', '=', row.id).executeTakeFirst();
      if (used !== undefined)
        throw forbidden(`Unable to update or delete registered limit ${row.id} because there are project limits associated with it.`);
      await deps.db.deleteFrom('registered_limits').where('id', '=', row.id).execute();
    },
  }),
  route({
    method: 'POST',
    path: '/v3/registered_limits',
    summary: 'Create registered limits',
    policy: 'identity:create_registered_limit',
    body: { key: 'registered_limits', schema: CreateRegisteredLimits },
    reply: { status: 201, key: 'registered_limits' },
    async handle({ body, ctx, deps }) {
      for (const one of body) await checkReferences(deps, one);
      const rows = body.map((one) => ({ id: newId(deps), ...one, region_id: one.region_id ?? null, description: one.description ?? null }));
      if (new Set(rows.map((row) => JSON.stringify([row.service_id, row.region_id, row.resource_name]))).size < rows.length)
        throw conflict('The same limit is registered twice.');
      await unlessTaken('registered_limit', deps.db.insertInto('registered_limits').values(rows).execute());
      return rows.map((row) => ({ ...row, links: selfLink(ctx, `registered_limits/${row.id}`) }));
    },
  }),
];
