import type { Selectable } from 'kysely';
import type { DomainTable, IdentityExecutor, ProjectTable, UserTable } from './tables.ts';
import type { DomainRef, NamedRef } from './tokens/bodies.ts';

/** A user or project with what is said of its domain wherever it is shown. */
export interface WithDomain {
  readonly domain_name: string;
  readonly domain_enabled: boolean;
}
export type FoundUser = Selectable<UserTable> & WithDomain;
export type FoundProject = Selectable<ProjectTable> & WithDomain;

/** The user a request names by id, or by name and domain; null when there is none. */
export async function findUser(db: IdentityExecutor, ref: NamedRef): Promise<FoundUser | null> {
  const query = db
    .selectFrom('users')
    .innerJoin('domains', 'domains.id', 'users.domain_id')
    .selectAll('users')
    .select(['domains.name as domain_name', 'domains.enabled as domain_enabled']);
  if (ref.id !== undefined) return (await query.where('users.id', '=', ref.id).executeTakeFirst()) ?? null;
  const { name, domain = {} } = ref;
  const [column, value] = domain.id === undefined ? (['domains.name', domain.name] as const) : (['domains.id', domain.id] as const);
  if (name === undefined || value === undefined) return null;
  return (await query.where('users.name', '=', name).where(column, '=', value).executeTakeFirst()) ?? null;
}

/** The project a request names, likewise. */
export async function findProject(db: IdentityExecutor, ref: NamedRef): Promise<FoundProject | null> {
  const query = db
    .selectFrom('projects')
    .innerJoin('domains', 'domains.id', 'projects.domain_id')
    .selectAll('projects')
    .select(['domains.name as domain_name', 'domains.enabled as domain_enabled']);
  if (ref.id !== undefined) return (await query.where('projects.id', '=', ref.id).executeTakeFirst()) ?? null;
  const { name, domain = {} } = ref;
  const [column, value] = domain.id === undefined ? (['domains.name', domain.name] as const) : (['domains.id', domain.id] as const);
  if (name === undefined || value === undefined) return null;
  return (await query.where('projects.name', '=', name).where(column, '=', value).executeTakeFirst()) ?? null;
}

export async function findDomain(db: IdentityExecutor, ref: DomainRef): Promise<Selectable<DomainTable> | null> {
  const [column, value] = ref.id === undefined ? (['name', ref.name] as const) : (['id', ref.id] as const);
  if (value === undefined) return null;
  return (await db.selectFrom('domains').selectAll().where(column, '=', value).executeTakeFirst()) ?? null;
}
