import type { NetworkDeps } from '../../deps.ts';
import { write } from '../../store/write.ts';
import { defaultGroup } from './default-group.ts';

/** Makes a project's default group unless it has one. */
export async function ensureDefaultGroup(deps: NetworkDeps, projectId: string | null): Promise<void> {
  if (projectId === null) return;
  const known = await deps.db
    .selectFrom('security_groups')
    .select('id')
    .where('project_id', '=', projectId)
    .where('name', '=', 'default')
    .executeTakeFirst();
  if (known === undefined) await write(deps, (tx) => defaultGroup(tx, deps, projectId));
}
