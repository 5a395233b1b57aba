import type { RequestContext } from '../../../../lib/http/route.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { releaseShares } from '../server-shares/attach-share.ts';
import { operate } from './operate.ts';

/** Deletes a server: for a time, where the configuration says so and it has ever run, else for good. */
export async function deleteServer(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance): Promise<void> {
  const { taskState, launchedAt, vmState } = located.instance;
  // one that is already under way is carried through by its own saga
  if (taskState === 'deleting' || taskState === 'soft-deleting') return;
  if (deps.settings.DEFAULT.reclaim_instance_interval === 0 || launchedAt === null) return deleteForGood(deps, ctx, located);
  await operate(deps, ctx, located, 'softDelete', { name: 'soft-delete-instance', params: { was: vmState } });
}

/** Deletes a server with all it has, whatever is being done to it. */
export async function deleteForGood(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance): Promise<void> {
  if (located.instance.taskState !== 'deleting') await operate(deps, ctx, located, 'delete', { name: 'delete-instance' });
  await releaseShares(deps, located);
}
