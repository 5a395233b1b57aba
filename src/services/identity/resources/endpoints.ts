import { sql } from 'kysely';
import Type from 'typebox';
import { invalid } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes } from '../collection-routes.ts';
import { newId, type IdentityDeps } from '../deps.ts';
import { extraOf, Flag, given, IdText } from '../resource-fields.ts';

const RegionId = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]);
const Interface = Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')]);
const Url = Type.String({ minLength: 1, maxLength: 2048, pattern: '^[a-z][a-z0-9+.-]*://' });
const fields = {
  region: { type: RegionId },
  region_id: { type: RegionId },
  enabled: { type: Flag },
  name: { type: Type.String({ maxLength: 255 }) },
} as const;
const known = [...Object.keys(fields), 'service_id', 'interface', 'url'];

interface Named {
  readonly service_id?: string | undefined;
  readonly region?: string | null | undefined;
  readonly region_id?: string | null | undefined;
}

/** The region an endpoint is in. One given by the older key comes to be; one given by its id must be there. */
async function regionOf(deps: IdentityDeps, { region, region_id }: Named): Promise<string | null | undefined> {
  const id = region_id ?? region;
  if (id === null || id === undefined) return region_id;
  if (region_id == null) {
    await deps.db
      .insertInto('regions')
      .values({ id, parent_region_id: null, description: '', extra: '{}' })
      .onConflict((c) => c.doNothing())
      .execute();
    return id;
  }
  if ((await deps.db.selectFrom('regions').select('id').where('id', '=', id).executeTakeFirst()) === undefined)
    throw invalid(`Could not find region: ${id}.`);
  return id;
}

async function checkService(deps: IdentityDeps, id: string | undefined): Promise<void> {
  if (id === undefined) return;
  if ((await deps.db.selectFrom('services').select('id').where('id', '=', id).executeTakeFirst()) === undefined)
    throw invalid(`Could not find service: ${id}.`);
}

export const endpointRoutes: readonly AnyRoute<IdentityDeps>[] = collectionRoutes({
  one: 'endpoint',
  find: (deps, id) => deps.db.selectFrom('endpoints').selectAll().where('id', '=', id).executeTakeFirst(),
  show: ({ id, service_id, region_id, interface: kind, url, name, enabled, extra }) => ({
    ...extra,
    id,
    service_id,
    region: region_id,
    region_id,
    interface: kind,
    url,
    ...(name === null ? {} : { name }),
    enabled,
  }),
  query: versionedQuery({
    interface: { type: anyText },
    service_id: { type: anyText },
    region_id: { type: anyText },
    region: { type: anyText },
  }),
  list({ deps }, { interface: kind, service_id, region_id, region }) {
    let query = deps.db.selectFrom('endpoints').selectAll().orderBy('service_id').orderBy('interface').orderBy('id');
    const regionId = region_id ?? region;
    if (kind !== undefined) query = query.where(sql<boolean>`interface = ${kind}`);
    if (service_id !== undefined) query = query.where('service_id', '=', service_id);
    if (regionId !== undefined) query = query.where('region_id', '=', regionId);
    return query.execute();
  },
  createBody: versionedBody(
    'CreateEndpoint',
    {
      ...fields,
      service_id: { type: IdText, required: true },
      interface: { type: Interface, required: true },
      url: { type: Url, required: true },
    },
    { unknownKeys: 'accept' },
  ),
  async create({ deps }, body) {
    await checkService(deps, body.service_id);
    const region = await regionOf(deps, body);
    const { service_id, interface: kind, url } = body;
    return deps.db
      .insertInto('endpoints')
      .values({
        id: newId(deps),
        service_id,
        region_id: region ?? null,
        interface: kind,
        url,
        name: body.name ?? null,
        enabled: body.enabled ?? true,
        extra: JSON.stringify(extraOf(body, known)),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  },
  updateBody: versionedBody(
    'UpdateEndpoint',
    { ...fields, service_id: { type: IdText }, interface: { type: Interface }, url: { type: Url } },
    { unknownKeys: 'accept' },
  ),
  async update({ deps }, endpoint, body) {
    await checkService(deps, body.service_id);
    const region = await regionOf(deps, body);
    return deps.db
      .updateTable('endpoints')
      .set({
        ...given({
          service_id: body.service_id,
          interface: body.interface,
          url: body.url,
          name: body.name,
          enabled: body.enabled,
          region_id: region,
        }),
        extra: JSON.stringify({ ...endpoint.extra, ...extraOf(body, known) }),
      })
      .where('id', '=', endpoint.id)
      .returningAll()
      .executeTakeFirstOrThrow();
  },
  async remove({ deps }, endpoint) {
    await deps.db.deleteFrom('endpoints').where('id', '=', endpoint.id).execute();
  },
});
