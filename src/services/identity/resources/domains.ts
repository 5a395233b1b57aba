import { forbidden } from '../../../lib/errors.ts';
import { anyText, booleanText, isTruthy, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes } from '../collection-routes.ts';
import { newId, type IdentityDeps } from '../deps.ts';
import {
  extraOf,
  Flag,
  given,
  IdText,
  NullableText,
  Options,
  ProjectName,
  refuseImmutable,
  Tags,
  unlessTaken,
} from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import { showDomain } from './views.ts';

const fields = {
  description: { type: NullableText },
  enabled: { type: Flag },
  options: { type: Options },
  tags: { type: Tags },
  explicit_domain_id: { type: IdText },
} as const;
const known = [...Object.keys(fields), 'name'];

export const domainRoutes: readonly AnyRoute<IdentityDeps>[] = collectionRoutes({
  one: 'domain',
  find: (deps, id) => deps.db.selectFrom('domains').selectAll().where('id', '=', id).executeTakeFirst(),
  target: ({ id }) => ({ domain_id: id }),
  show: showDomain,
  query: versionedQuery({ name: { type: anyText }, enabled: { type: booleanText } }),
  list({ deps }, { name, enabled }) {
    let query = deps.db.selectFrom('domains').selectAll().orderBy('name');
    if (name !== undefined) query = query.where('name', '=', name);
    if (enabled !== undefined) query = query.where('enabled', '=', isTruthy(enabled));
    return query.execute();
  },
  createBody: versionedBody('CreateDomain', { ...fields, name: { type: ProjectName, required: true } }, { unknownKeys: 'accept' }),
  create({ deps }, body) {
    const domain = {
      id: body.explicit_domain_id ?? newId(deps),
      name: body.name,
      description: body.description ?? '',
      enabled: body.enabled ?? true,
      tags: body.tags ?? [],
      options: JSON.stringify(body.options ?? {}),
      extra: JSON.stringify(extraOf(body, known)),
    };
    return unlessTaken('domain', deps.db.insertInto('domains').values(domain).returningAll().executeTakeFirstOrThrow());
  },
  updateBody: versionedBody('UpdateDomain', { ...fields, name: { type: ProjectName } }, { unknownKeys: 'accept' }),
  async update({ deps }, domain, body) {
    refuseImmutable('domain', domain, body);
    const changes = {
      ...given({ name: body.name, enabled: body.enabled, tags: body.tags, description: body.description === null ? '' : body.description }),
      options: JSON.stringify({ ...domain.options, ...body.options }),
      extra: JSON.stringify({ ...domain.extra, ...extraOf(body, known) }),
    };
    return deps.db.transaction().execute(async (tx) => {
      const updated = await unlessTaken(
        'domain',
        tx.updateTable('domains').set(changes).where('id', '=', domain.id).returningAll().executeTakeFirstOrThrow(),
      );
      if (domain.enabled && body.enabled === false) await revoke(tx, deps.clock, [{ domainId: domain.id }]);
      return updated;
    });
  },
  async remove({ deps }, domain) {
    refuseImmutable('domain', domain);
    if (domain.enabled) throw forbidden('Cannot delete a domain that is enabled, please disable it first.');
    await deps.db.transaction().execute(async (tx) => {
      const [users, groups, projects] = (['users', 'groups', 'projects'] as const).map((table) =>
        tx.selectFrom(table).select('id').where('domain_id', '=', domain.id),
      );
      await tx
        .deleteFrom('role_assignments')
        .where((eb) =>
          eb.or([
            eb('target_id', '=', domain.id),
            eb('target_id', 'in', projects!),
            eb('actor_id', 'in', users!),
            eb('actor_id', 'in', groups!),
          ]),
        )
        .execute();
      await tx.deleteFrom('domains').where('id', '=', domain.id).execute();
      await revoke(tx, deps.clock, [{ domainId: domain.id }]);
    });
  },
});
