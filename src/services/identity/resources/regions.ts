import type { Selectable } from 'kysely';
import Type from 'typebox';
import { conflict, invalid } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes, selfLink } from '../collection-routes.ts';
import { newId, route, type IdentityDeps } from '../deps.ts';
import { extraOf, given, NullableText, unlessTaken } from '../resource-fields.ts';
import type { RegionTable } from '../tables.ts';

type Region = Selectable<RegionTable>;

const RegionId = Type.String({ minLength: 1, maxLength: 255 });
const fields = { description: { type: NullableText }, parent_region_id: { type: Type.Union([RegionId, Type.Null()]) } } as const;
const known = Object.keys(fields);
const CreateRegion = versionedBody('CreateRegion', { ...fields, id: { type: RegionId } }, { unknownKeys: 'accept' });

const show = ({ id, description, parent_region_id, extra }: Region): Record<string, unknown> => ({
  ...extra,
  id,
  description,
  parent_region_id,
});
const find = (deps: IdentityDeps, id: string): Promise<Region | undefined> =>
  deps.db.selectFrom('regions').selectAll().where('id', '=', id).executeTakeFirst();

async function checkParent(deps: IdentityDeps, id: string, parentId: string | null | undefined): Promise<void> {
  for (let above = parentId ?? null; above !== null;) {
    if (above === id) throw invalid('A region cannot be above itself.');
    const parent: Region | undefined = await find(deps, above);
    if (parent === undefined) throw invalid(`Could not find region: ${above}.`);
    above = parent.parent_region_id;
  }
}

interface RegionBody extends Readonly<Record<string, unknown>> {
  readonly description?: string | null;
  readonly parent_region_id?: string | null;
}

async function create(deps: IdentityDeps, id: string, body: RegionBody): Promise<Region> {
  await checkParent(deps, id, body.parent_region_id);
  const region = {
    id,
    description: body.description ?? '',
    parent_region_id: body.parent_region_id ?? null,
    extra: JSON.stringify(extraOf(body, known)),
  };
  return unlessTaken('region', deps.db.insertInto('regions').values(region).returningAll().executeTakeFirstOrThrow());
}

export const regionRoutes: readonly AnyRoute<IdentityDeps>[] = [
  ...collectionRoutes({
    one: 'region',
    find,
    show,
    query: versionedQuery({ parent_region_id: { type: anyText } }),
    list({ deps }, { parent_region_id }) {
      const query = deps.db.selectFrom('regions').selectAll().orderBy('id');
      return (parent_region_id === undefined ? query : query.where('parent_region_id', '=', parent_region_id)).execute();
    },
    createBody: CreateRegion,
    create: ({ deps }, body) => create(deps, body.id ?? newId(deps), body),
    updateBody: versionedBody('UpdateRegion', fields, { unknownKeys: 'accept' }),
    async update({ deps }, region, body) {
      await checkParent(deps, region.id, body.parent_region_id);
      return deps.db
        .updateTable('regions')
        .set({
          ...given({ description: body.description === null ? '' : body.description, parent_region_id: body.parent_region_id }),
          extra: JSON.stringify({ ...region.extra, ...extraOf(body, known) }),
        })
        .where('id', '=', region.id)
        .returningAll()
        .executeTakeFirstOrThrow();
    },
    async remove({ deps }, region) {
      const [child, endpoint] = await Promise.all([
        deps.db.selectFrom('regions').select('id').where('parent_region_id', '=', region.id).executeTakeFirst(),
        deps.db.selectFrom('endpoints').select('id').where('region_id', '=', region.id).executeTakeFirst(),
      ]);
      if (child !== undefined || endpoint !== undefined)
        throw conflict(`Unable to delete region ${region.id} because it or its child regions have associated endpoints.`);
      await deps.db.deleteFrom('regions').where('id', '=', region.id).execute();
    },
  }),
  route({
    method: 'PUT',
    path: '/v3/regions/:id',
    summary: 'Create a region of this id',
    policy: 'identity:create_region',
    body: { key: 'region', schema: CreateRegion },
    reply: { status: 201, key: 'region' },
    async handle({ body, ctx, deps, params }) {
      if (body.id !== undefined && body.id !== params.id) throw invalid('The id in the body is not that of the URL.');
      const region = await create(deps, params.id, body);
      return new Reply(201, { region: { ...show(region), links: selfLink(ctx, `regions/${region.id}`) } });
    },
  }),
];
