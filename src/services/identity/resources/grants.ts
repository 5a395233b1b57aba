import type { Selectable } from 'kysely';
import { notFound } from '../../../lib/errors.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import type { RevocationEvent } from '../../../domain/token-revocation.ts';
import { foundOr404, listLinks, selfLink } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import type { IdentityRule } from '../policy.ts';
import { revoke } from '../revocations.ts';
import type { AssignmentTable, IdentityExecutor } from '../tables.ts';
import { membersOf } from './groups.ts';
import { findRole } from './roles.ts';
import { showRole } from './views.ts';

type ActorType = AssignmentTable['actor_type'];
type TargetType = AssignmentTable['target_type'];

/** One kind of grant: who, on what, and whether projects below inherit it. */
interface GrantKind {
  readonly actor: ActorType;
  readonly target: TargetType;
  readonly inherited: boolean;
  /** Where the grants of one actor on one target stand. */
  readonly path: string;
  /** What follows the role's id. */
  readonly suffix: string;
}

const kinds: readonly GrantKind[] = (['user', 'group'] as const).flatMap((actor) => [
  { actor, target: 'system', inherited: false, path: `/v3/system/${actor}s/:actorId/roles`, suffix: '' } as const,
  ...(['project', 'domain'] as const).flatMap((target) => [
    { actor, target, inherited: false, path: `/v3/${target}s/:targetId/${actor}s/:actorId/roles`, suffix: '' },
    {
      actor,
      target,
      inherited: true,
      path: `/v3/OS-INHERIT/${target}s/:targetId/${actor}s/:actorId/roles`,
      suffix: '/inherited_to_projects',
    },
  ]),
]);

interface GrantParams {
  readonly actorId: string;
  readonly targetId?: string;
  readonly roleId?: string;
}
interface Grant {
  readonly actorId: string;
  readonly actorDomainId: string;
  readonly targetId: string;
  readonly domainId: string | null;
  readonly role: Awaited<ReturnType<typeof findRole>>;
}

const rule = (kind: GrantKind, verb: 'list' | 'check' | 'create' | 'revoke'): IdentityRule => {
  const what = kind.target === 'system' ? 'system_grant' : 'grant';
  return verb === 'list' ? `identity:list_${what}s` : `identity:${verb}_${what}`;
};

/** Everything a grant names, which must all be there. */
const loader =
  (kind: GrantKind, policy: IdentityRule) =>
  async ({ ctx, deps, params }: { readonly ctx: RequestContext; readonly deps: IdentityDeps; readonly params: object }): Promise<Grant> => {
    const { actorId, targetId = 'system', roleId } = params as GrantParams;
    const { actor, target } = kind;
    const found = await foundOr404(
      ctx,
      policy,
      `${actor}: ${actorId}`,
      deps.db.selectFrom(`${actor}s`).select('domain_id').where('id', '=', actorId).executeTakeFirst(),
    );
    const on =
      target === 'system'
        ? { domain_id: null }
        : target === 'project'
          ? await foundOr404(
              ctx,
              policy,
              `project: ${targetId}`,
              deps.db.selectFrom('projects').select('domain_id').where('id', '=', targetId).executeTakeFirst(),
            )
          : await foundOr404(
              ctx,
              policy,
              `domain: ${targetId}`,
              deps.db.selectFrom('domains').select('id as domain_id').where('id', '=', targetId).executeTakeFirst(),
            );
    const role = roleId === undefined ? undefined : await foundOr404(ctx, policy, `role: ${roleId}`, findRole(deps, roleId));
    return { actorId, actorDomainId: found.domain_id, targetId, domainId: on.domain_id, role };
  };

const policyTarget = ({ actorDomainId, domainId, role }: Grant): Record<string, unknown> => ({
  domain_id: domainId,
  actor_domain_id: actorDomainId,
  role_name: role?.name,
});

const assignment = (kind: GrantKind, { actorId, targetId, role }: Grant): Selectable<AssignmentTable> => ({
  actor_type: kind.actor,
  actor_id: actorId,
  target_type: kind.target,
  target_id: targetId,
  role_id: role?.id ?? '',
  inherited: kind.inherited,
});

/** Which tokens end with a grant: those of its users on its target; on any, where projects below inherited it. */
async function revocationsOf(
  tx: IdentityExecutor,
  kind: GrantKind,
  { actorId, targetId }: Grant,
): Promise<Omit<RevocationEvent, 'issuedBefore'>[]> {
  const userIds = kind.actor === 'user' ? [actorId] : await membersOf(tx, actorId);
  const where = kind.inherited
    ? {}
    : { project: { projectId: targetId }, domain: { domainId: targetId }, system: { system: true } }[kind.target];
  return userIds.map((userId) => ({ userId, ...where }));
}

const isGranted = async (deps: IdentityDeps, kind: GrantKind, grant: Grant): Promise<boolean> => {
  const wanted = assignment(kind, grant);
  const row = await deps.db
    .selectFrom('role_assignments')
    .select('role_id')
    .where((eb) => eb.and(wanted))
    .executeTakeFirst();
  return row !== undefined;
};

function routesOf(kind: GrantKind): AnyRoute<IdentityDeps>[] {
  const onePath = `${kind.path}/:roleId${kind.suffix}`;
  const words = `on a ${kind.target}${kind.inherited ? ', inherited by projects' : ''}`;
  const check = (method: 'GET' | 'HEAD'): AnyRoute<IdentityDeps> =>
    route({
      method,
      path: onePath,
      summary: `Tell whether a ${kind.actor} has a role ${words}`,
      policy: rule(kind, 'check'),
      load: loader(kind, rule(kind, 'check')),
      target: policyTarget,
      reply: { status: 204 },
      async handle({ deps, loaded }) {
        if (!(await isGranted(deps, kind, loaded))) throw notFound(`Could not find role assignment with role: ${loaded.role?.id ?? ''}.`);
        return new Reply(204);
      },
    });
  return [
    route({
      method: 'GET',
      path: `${kind.path}${kind.suffix}`,
      summary: `List the roles of a ${kind.actor} ${words}`,
      policy: rule(kind, 'list'),
      load: loader(kind, rule(kind, 'list')),
      target: policyTarget,
      reply: { status: 200 },
      async handle({ ctx, deps, loaded }) {
        const { role_id: _unused, ...where } = assignment(kind, loaded);
        const rows = await deps.db
          .selectFrom('roles')
          .selectAll()
          .where('id', 'in', (eb) =>
            eb
              .selectFrom('role_assignments')
              .select('role_id')
              .where((inner) => inner.and(where)),
          )
          .orderBy('name')
          .execute();
        return { roles: rows.map((row) => ({ ...showRole(row), links: selfLink(ctx, `roles/${row.id}`) })), links: listLinks(ctx) };
      },
    }),
    check('GET'),
    check('HEAD'),
    route({
      method: 'PUT',
      path: onePath,
      summary: `Give a ${kind.actor} a role ${words}`,
      policy: rule(kind, 'create'),
      load: loader(kind, rule(kind, 'create')),
      target: policyTarget,
      reply: { status: 204 },
      async handle({ deps, loaded }) {
        await deps.db
          .insertInto('role_assignments')
          .values(assignment(kind, loaded))
          .onConflict((c) => c.doNothing())
          .execute();
        return new Reply(204);
      },
    }),
    route({
      method: 'DELETE',
      path: onePath,
      summary: `Take a role ${words} from a ${kind.actor}`,
      policy: rule(kind, 'revoke'),
      load: loader(kind, rule(kind, 'revoke')),
      target: policyTarget,
      reply: { status: 204 },
      async handle({ deps, loaded }) {
        await deps.db.transaction().execute(async (tx) => {
          const gone = await tx
            .deleteFrom('role_assignments')
            .where((eb) => eb.and(assignment(kind, loaded)))
            .executeTakeFirst();
          if (gone.numDeletedRows === 0n) throw notFound(`Could not find role assignment with role: ${loaded.role?.id ?? ''}.`);
          await revoke(tx, deps.clock, await revocationsOf(tx, kind, loaded));
        });
        return new Reply(204);
      },
    }),
  ];
}

/** Roles of users and groups on projects, domains and the system. */
export const grantRoutes: readonly AnyRoute<IdentityDeps>[] = kinds.flatMap(routesOf);
