import type { Selectable } from 'kysely';
import { forbidden, invalid } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes } from '../collection-routes.ts';
import { newId, type IdentityDeps } from '../deps.ts';
import { findDomain } from '../find-named.ts';
import { extraOf, given, Name, NullableId, NullableText, Options, refuseImmutable, refuseMove, unlessTaken } from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import type { RoleTable } from '../tables.ts';
import { showRole } from './views.ts';

type Role = Selectable<RoleTable>;

const fields = { description: { type: NullableText }, domain_id: { type: NullableId }, options: { type: Options } } as const;
const known = [...Object.keys(fields), 'name'];

export const findRole = (deps: IdentityDeps, id: string): Promise<Role | undefined> =>
  deps.db.selectFrom('roles').selectAll().where('id', '=', id).executeTakeFirst();

export const roleRoutes: readonly AnyRoute<IdentityDeps>[] = collectionRoutes({
  one: 'role',
  find: findRole,
  target: (role) => ({ domain_id: role.domain_id }),
  show: showRole,
  query: versionedQuery({ name: { type: anyText }, domain_id: { type: anyText } }),
  list({ deps }, { name, domain_id }) {
    let query = deps.db.selectFrom('roles').selectAll().orderBy('name');
    query = domain_id === undefined ? query.where('domain_id', 'is', null) : query.where('domain_id', '=', domain_id);
    if (name !== undefined) query = query.where('name', '=', name);
    return query.execute();
  },
  createBody: versionedBody('CreateRole', { ...fields, name: { type: Name, required: true } }, { unknownKeys: 'accept' }),
  async create({ deps }, body) {
    if (body.domain_id != null && (await findDomain(deps.db, { id: body.domain_id })) === null)
      throw invalid(`Could not find domain: ${body.domain_id}.`);
    const role = {
      id: newId(deps),
      name: body.name,
      domain_id: body.domain_id ?? null,
      description: body.description ?? '',
      options: JSON.stringify(body.options ?? {}),
      extra: JSON.stringify(extraOf(body, known)),
    };
    return unlessTaken('role', deps.db.insertInto('roles').values(role).returningAll().executeTakeFirstOrThrow());
  },
  updateBody: versionedBody('UpdateRole', { ...fields, name: { type: Name } }, { unknownKeys: 'accept' }),
  async update({ deps }, role, body) {
    refuseImmutable('role', role, body);
    refuseMove(role, body.domain_id);
    const changes = {
      ...given({ name: body.name, description: body.description === null ? '' : body.description }),
      options: JSON.stringify({ ...role.options, ...body.options }),
      extra: JSON.stringify({ ...role.extra, ...extraOf(body, known) }),
    };
    return deps.db.transaction().execute(async (tx) => {
      const updated = await unlessTaken(
        'role',
        tx.updateTable('roles').set(changes).where('id', '=', role.id).returningAll().executeTakeFirstOrThrow(),
      );
      if (body.name !== undefined && body.name !== role.name) await revoke(tx, deps.clock, [{ roleName: role.name }]);
      return updated;
    });
  },
  async remove({ deps }, role) {
    refuseImmutable('role', role);
    if (role.domain_id === null && role.name.toLowerCase() === 'admin') throw forbidden('The admin role cannot be deleted.');
    await deps.db.transaction().execute(async (tx) => {
      await tx.deleteFrom('roles').where('id', '=', role.id).execute();
      await revoke(tx, deps.clock, [{ roleName: role.name }]);
    });
  },
});
