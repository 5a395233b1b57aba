import Type from 'typebox';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes } from '../collection-routes.ts';
import { newId, type IdentityDeps } from '../deps.ts';
import { extraOf, Flag, given, NullableText } from '../resource-fields.ts';

const fields = { name: { type: Type.String({ maxLength: 255 }) }, description: { type: NullableText }, enabled: { type: Flag } } as const;
const ServiceType = Type.String({ minLength: 1, maxLength: 255 });
const known = [...Object.keys(fields), 'type'];

export const serviceRoutes: readonly AnyRoute<IdentityDeps>[] = collectionRoutes({
  one: 'service',
  find: (deps, id) => deps.db.selectFrom('services').selectAll().where('id', '=', id).executeTakeFirst(),
  show: ({ id, type, name, description, enabled, extra }) => ({
    ...extra,
    id,
    type,
    name,
    enabled,
    ...(description === null ? {} : { description }),
  }),
  query: versionedQuery({ type: { type: anyText }, name: { type: anyText } }),
  list({ deps }, { type, name }) {
    let query = deps.db.selectFrom('services').selectAll().orderBy('type').orderBy('id');
    if (type !== undefined) query = query.where('type', '=', type);
    if (name !== undefined) query = query.where('name', '=', name);
    return query.execute();
  },
  createBody: versionedBody('CreateService', { ...fields, type: { type: ServiceType, required: true } }, { unknownKeys: 'accept' }),
  create: ({ deps }, body) =>
    deps.db
      .insertInto('services')
      .values({
        id: newId(deps),
        type: body.type,
        name: body.name ?? '',
        description: body.description ?? null,
        enabled: body.enabled ?? true,
        extra: JSON.stringify(extraOf(body, known)),
      })
      .returningAll()
      .executeTakeFirstOrThrow(),
  updateBody: versionedBody('UpdateService', { ...fields, type: { type: ServiceType } }, { unknownKeys: 'accept' }),
  update: ({ deps }, service, body) =>
    deps.db
      .updateTable('services')
      .set({
        ...given({ type: body.type, name: body.name, description: body.description, enabled: body.enabled }),
        extra: JSON.stringify({ ...service.extra, ...extraOf(body, known) }),
      })
      .where('id', '=', service.id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  async remove({ deps }, service) {
    await deps.db.deleteFrom('services').where('id', '=', service.id).execute();
  },
});
