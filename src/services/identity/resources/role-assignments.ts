import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { sql } from 'kysely';
import { listLinks } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import { listedDomain } from '../resource-fields.ts';
import type { AssignmentTable, IdentityExecutor } from '../tables.ts';

type Assignment = AssignmentTable;

/** A flag that is on when it stands in the query, unless it says 0 or false. */
const isSet = (text: string | undefined): boolean => text !== undefined && !/^(0|false|no)$/i.test(text);

const AssignmentQuery = versionedQuery({
  'user.id': { type: anyText },
  'group.id': { type: anyText },
  'role.id': { type: anyText },
  'scope.project.id': { type: anyText },
  'scope.domain.id': { type: anyText },
  'scope.system': { type: anyText },
  'scope.OS-INHERIT:inherited_to': { type: anyText },
  effective: { type: anyText },
  include_names: { type: anyText },
});

/** Every assignment as it takes effect: on users, on the projects that inherit it, with what it implies. */
async function effectiveAssignments(db: IdentityExecutor): Promise<Assignment[]> {
  const { rows } = await sql<Assignment>`
    WITH RECURSIVE personal AS (
      SELECT actor_id, target_type, target_id, role_id, inherited FROM role_assignments WHERE actor_type = 'user'
      UNION SELECT m.user_id, a.target_type, a.target_id, a.role_id, a.inherited
        FROM role_assignments a JOIN group_members m ON m.group_id = a.actor_id WHERE a.actor_type = 'group'),
    below AS (
      SELECT parent_id AS top, id FROM projects WHERE parent_id IS NOT NULL
      UNION SELECT below.top, p.id FROM below JOIN projects p ON p.parent_id = below.id),
    placed AS (
      SELECT actor_id, target_type, target_id, role_id FROM personal WHERE NOT inherited
      UNION SELECT a.actor_id, 'project', p.id, a.role_id FROM personal a JOIN projects p ON p.domain_id = a.target_id WHERE a.inherited AND a.target_type = 'domain'
      UNION SELECT a.actor_id, 'project', below.id, a.role_id FROM personal a JOIN below ON below.top = a.target_id WHERE a.inherited AND a.target_type = 'project'),
    held AS (
      SELECT actor_id, target_type, target_id, role_id FROM placed
      UNION SELECT held.actor_id, held.target_type, held.target_id, i.implied_id FROM held JOIN role_implications i ON i.prior_id = held.role_id)
    SELECT 'user' AS actor_type, actor_id, target_type, target_id, role_id, false AS inherited FROM held
      JOIN roles ON roles.id = role_id WHERE roles.domain_id IS NULL`.execute(db);
  return rows;
}

interface Named {
  readonly id: string;
  readonly name: string;
  readonly domain_id: string | null;
}

/** Names of all that assignments mention. */
async function namesFor(db: IdentityExecutor, assignments: readonly Assignment[]): Promise<ReadonlyMap<string, Named>> {
  const ids = [...new Set(assignments.flatMap(({ actor_id, target_id, role_id }) => [actor_id, target_id, role_id]))];
  if (ids.length === 0) return new Map();
  const lists = await Promise.all([
    ...(['users', 'groups', 'projects', 'roles'] as const).map((table) =>
      db.selectFrom(table).select(['id', 'name', 'domain_id']).where('id', 'in', ids).execute(),
    ),
    db
      .selectFrom('domains')
      .select(['id', 'name'])
      .execute()
      .then((rows) => rows.map((row) => ({ ...row, domain_id: null }))),
  ]);
  return new Map(lists.flat().map((row) => [row.id, row]));
}

function show(
  ctx: RequestContext,
  { actor_type, actor_id, target_type, target_id, role_id, inherited }: Assignment,
  names: ReadonlyMap<string, Named> | null,
): Record<string, unknown> {
  const refer = (id: string): Record<string, unknown> => {
    const named = names?.get(id);
    if (named === undefined) return { id };
    const domain = named.domain_id === null ? undefined : { id: named.domain_id, name: names?.get(named.domain_id)?.name ?? '' };
    return { id, name: named.name, ...(domain === undefined ? {} : { domain }) };
  };
  const place = target_type === 'system' ? 'system' : `${target_type}s/${target_id}`;
  const path = `${inherited ? 'OS-INHERIT/' : ''}${place}/${actor_type}s/${actor_id}/roles/${role_id}${inherited ? '/inherited_to_projects' : ''}`;
  return {
    role: refer(role_id),
    [actor_type]: refer(actor_id),
    scope: {
      ...(target_type === 'system' ? { system: { all: true } } : { [target_type]: refer(target_id) }),
      ...(inherited ? { 'OS-INHERIT:inherited_to': 'projects' } : {}),
    },
    links: { assignment: `${ctx.baseUrl}/v3/${path}` },
  };
}

export const roleAssignmentRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/v3/role_assignments',
    summary: 'List role assignments',
    policy: 'identity:list_role_assignments',
    query: AssignmentQuery,
    load: async ({ ctx, query }) => ({ domain_id: listedDomain(ctx, query['scope.domain.id']) }),
    target: (facts) => facts,
    reply: { status: 200 },
    async handle({ ctx, deps, query }) {
      const all = isSet(query.effective)
        ? await effectiveAssignments(deps.db)
        : await deps.db.selectFrom('role_assignments').selectAll().execute();
      const onlyDomain = listedDomain(ctx, undefined);
      const inDomain =
        onlyDomain === undefined
          ? null
          : new Set([
              onlyDomain,
              ...(await deps.db.selectFrom('projects').select('id').where('domain_id', '=', onlyDomain).execute()).map(({ id }) => id),
            ]);
      const wanted = all.filter(
        (a) =>
          (inDomain === null || inDomain.has(a.target_id)) &&
          (query['user.id'] === undefined || (a.actor_type === 'user' && a.actor_id === query['user.id'])) &&
          (query['group.id'] === undefined || (a.actor_type === 'group' && a.actor_id === query['group.id'])) &&
          (query['role.id'] === undefined || a.role_id === query['role.id']) &&
          (query['scope.project.id'] === undefined || (a.target_type === 'project' && a.target_id === query['scope.project.id'])) &&
          (query['scope.domain.id'] === undefined || (a.target_type === 'domain' && a.target_id === query['scope.domain.id'])) &&
          (query['scope.system'] === undefined || a.target_type === 'system') &&
          (query['scope.OS-INHERIT:inherited_to'] === undefined || a.inherited),
      );
      const names = isSet(query.include_names) ? await namesFor(deps.db, wanted) : null;
      return { role_assignments: wanted.map((one) => show(ctx, one, names)), links: listLinks(ctx) };
    },
  }),
];
