import type { ApiDatabase } from './stores.ts';

type Limits = Readonly<Record<string, number>>;

/** Whose limits: a project's, or one user's in it. */
export interface QuotaOwner {
  readonly projectId: string;
  readonly userId?: string;
}

/** The limits by resource: the user's own, else the project's, else those of the class `default`, else the configured ones. -1 is unlimited. */
export async function quotaLimits(
  api: ApiDatabase,
  { projectId, userId }: QuotaOwner,
  configured: Limits,
): Promise<Record<string, number>> {
  const users = userId === undefined ? [''] : ['', userId];
  const [defaults, own] = await Promise.all([
    classLimits(api, 'default', configured),
    api
      .selectFrom('quotas')
      .select(['resource', 'hard_limit'])
      .where('project_id', '=', projectId)
      .where('user_id', 'in', users)
      .orderBy('user_id') // the user's own last, over the project's
      .execute(),
  ]);
  return overlaid(defaults, Object.fromEntries(own.map((row) => [row.resource, row.hard_limit])));
}

/** What was set for a project (or a user in it) and nothing else. */
export async function ownLimits(api: ApiDatabase, { projectId, userId = '' }: QuotaOwner): Promise<Record<string, number>> {
  const rows = await api
    .selectFrom('quotas')
    .select(['resource', 'hard_limit'])
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .execute();
  return Object.fromEntries(rows.map((row) => [row.resource, row.hard_limit]));
}

/** The limits of a class; those of `default` hold for every project that has none of its own. */
export async function classLimits(api: ApiDatabase, className: string, configured: Limits): Promise<Record<string, number>> {
  const rows = await api.selectFrom('quota_classes').select(['resource', 'hard_limit']).where('class_name', '=', className).execute();
  return overlaid(configured, Object.fromEntries(rows.map((row) => [row.resource, row.hard_limit])));
}

const overlaid = (below: Limits, above: Limits): Record<string, number> =>
  Object.fromEntries(Object.entries(below).map(([resource, limit]) => [resource, above[resource] ?? limit]));

/** Sets limits of a project, or of a user in it, and leaves the others. */
export async function setLimits(api: ApiDatabase, { projectId, userId = '' }: QuotaOwner, limits: Limits): Promise<void> {
  const rows = Object.entries(limits).map(([resource, limit]) => ({ project_id: projectId, user_id: userId, resource, hard_limit: limit }));
  if (rows.length === 0) return;
  await api
    .insertInto('quotas')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['project_id', 'user_id', 'resource']).doUpdateSet((eb) => ({ hard_limit: eb.ref('excluded.hard_limit') })),
    )
    .execute();
}

/** Takes back what was set for a project and all its users, or for one of them. */
export async function forgetLimits(api: ApiDatabase, { projectId, userId }: QuotaOwner): Promise<void> {
  await api
    .deleteFrom('quotas')
    .where('project_id', '=', projectId)
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))
    .execute();
}

export async function setClassLimits(api: ApiDatabase, className: string, limits: Limits): Promise<void> {
  const rows = Object.entries(limits).map(([resource, limit]) => ({ class_name: className, resource, hard_limit: limit }));
  if (rows.length === 0) return;
  await api
    .insertInto('quota_classes')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['class_name', 'resource']).doUpdateSet((eb) => ({ hard_limit: eb.ref('excluded.hard_limit') })),
    )
    .execute();
}
