import { sql, type RawBuilder } from 'kysely';
import type { IdentityExecutor } from './tables.ts';

export interface RoleRef {
  readonly id: string;
  readonly name: string;
}

/** Where roles hold. */
export type RoleTarget = { readonly type: 'project' | 'domain'; readonly id: string } | { readonly type: 'system' };

/** Assignments `a` made to the user or to one of the user's groups. */
const heldBy = (userId: string): RawBuilder<boolean> => sql<boolean>`(
  (a.actor_type = 'user' AND a.actor_id = ${userId})
  OR (a.actor_type = 'group' AND a.actor_id IN (SELECT group_id FROM group_members WHERE user_id = ${userId})))`;

function appliesTo(target: RoleTarget): RawBuilder<boolean> {
  if (target.type === 'system') return sql<boolean>`a.target_type = 'system'`;
  if (target.type === 'domain') return sql<boolean>`(a.target_type = 'domain' AND a.target_id = ${target.id} AND NOT a.inherited)`;
  return sql<boolean>`(
    (a.target_type = 'project' AND a.target_id = ${target.id} AND NOT a.inherited)
    OR (a.inherited AND a.target_type = 'domain' AND a.target_id = (SELECT domain_id FROM projects WHERE id = ${target.id}))
    OR (a.inherited AND a.target_type = 'project' AND a.target_id IN (
      WITH RECURSIVE above AS (
        SELECT parent_id FROM projects WHERE id = ${target.id}
        UNION SELECT p.parent_id FROM projects p JOIN above ON p.id = above.parent_id)
      SELECT parent_id FROM above)))`;
}

/** The roles that follow from those `from` selects: themselves and all they imply. Roles of a domain count only by what they imply. */
async function withImplied(db: IdentityExecutor, from: RawBuilder<unknown>): Promise<RoleRef[]> {
  const { rows } = await sql<RoleRef>`
    WITH RECURSIVE held AS (
      ${from} UNION SELECT i.implied_id FROM role_implications i JOIN held ON i.prior_id = held.role_id)
    SELECT r.id, r.name FROM roles r JOIN held ON held.role_id = r.id WHERE r.domain_id IS NULL ORDER BY r.name`.execute(db);
  return rows;
}

/** All roles of a user on a project, a domain or the system: own, through groups, inherited and implied. */
export const effectiveRoles = (db: IdentityExecutor, userId: string, target: RoleTarget): Promise<RoleRef[]> =>
  withImplied(db, sql`SELECT a.role_id FROM role_assignments a WHERE ${heldBy(userId)} AND ${appliesTo(target)}`);

/** The roles an application credential delegates, implied ones included. */
export const delegatedRoles = (db: IdentityExecutor, applicationCredentialId: string): Promise<RoleRef[]> =>
  withImplied(db, sql`SELECT a.role_id FROM application_credential_roles a WHERE a.application_credential_id = ${applicationCredentialId}`);

/** Ids of the projects a user has any role on. */
export async function projectIdsOf(db: IdentityExecutor, userId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    WITH RECURSIVE granted AS (SELECT a.* FROM role_assignments a WHERE ${heldBy(userId)}),
    below AS (
      SELECT p.id FROM projects p JOIN granted a ON a.inherited AND a.target_type = 'project' AND p.parent_id = a.target_id
      UNION SELECT p.id FROM projects p JOIN below ON p.parent_id = below.id)
    SELECT target_id AS id FROM granted WHERE target_type = 'project' AND NOT inherited
    UNION SELECT p.id FROM projects p JOIN granted a ON a.inherited AND a.target_type = 'domain' AND p.domain_id = a.target_id
    UNION SELECT id FROM below`.execute(db);
  return rows.map(({ id }) => id);
}

/** Ids of the domains a user has a role on, not counting those only inherited by their projects. */
export async function domainIdsOf(db: IdentityExecutor, userId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT DISTINCT a.target_id AS id FROM role_assignments a WHERE ${heldBy(userId)} AND a.target_type = 'domain' AND NOT a.inherited`.execute(
    db,
  );
  return rows.map(({ id }) => id);
}
