import type { ApiDatabase } from './stores.ts';

/** The limits of a project by resource: its own, else those of the class `default`, else the configured ones. -1 is unlimited. */
export async function quotaLimits(api: ApiDatabase, projectId: string, configured: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const [own, ofClass] = await Promise.all([
    api.selectFrom('quotas').select(['resource', 'hard_limit']).where('project_id', '=', projectId).where('user_id', '=', '').execute(),
    api.selectFrom('quota_classes').select(['resource', 'hard_limit']).where('class_name', '=', 'default').execute(),
  ]);
  const limits: Record<string, number> = { ...configured };
  for (const { resource, hard_limit } of [...ofClass, ...own]) if (Object.hasOwn(limits, resource)) limits[resource] = hard_limit;
  return limits;
}
