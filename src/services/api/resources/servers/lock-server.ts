import { instanceNotFound } from '../../../../domain/faults.ts';
import type { Instance } from '../../../../domain/instance.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { recordAction, recordEvent } from '../../../../store/actions.ts';
import { inItsCell, updateInstance, type LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';

/** As whom the caller locks a server: whoever acts in its own project is its owner, administrators included. */
const partyOf = (ctx: RequestContext, instance: Instance): 'owner' | 'admin' =>
  ctx.caller.projectId === instance.projectId ? 'owner' : 'admin';

/** Locks a server against everybody but administrators. An owner's lock on a locked server changes nothing; an administrator's takes the place of an owner's. */
export async function lockServer(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance, reason: string | null): Promise<void> {
  const party = partyOf(ctx, located.instance);
  if (located.instance.lockedBy !== null && party === 'owner') return;
  await change(deps, ctx, located, 'lock', { lockedBy: party, lockedReason: reason });
}

/** Takes the lock off. That of the other party needs a rule of its own. */
export async function unlockServer(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance): Promise<void> {
  const { lockedBy, projectId } = located.instance;
  if (lockedBy !== null && lockedBy !== partyOf(ctx, located.instance))
    ctx.authorize('os_compute_api:os-lock-server:unlock:unlock_override', { project_id: projectId });
  await change(deps, ctx, located, 'unlock', { lockedBy: null, lockedReason: null });
}

/** Writes it down together with its entry in the history of the server. */
async function change(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  action: 'lock' | 'unlock',
  to: Pick<Instance, 'lockedBy' | 'lockedReason'>,
): Promise<void> {
  const { instance } = located;
  const { userId } = ctx.caller;
  const now = new Date(deps.clock.now()).toISOString();
  const changed = await inItsCell(deps.stores, located, (database) =>
    database.transaction().execute(async (tx) => {
      if ((await updateInstance(tx, instance.id, to)) === null) return null;
      await recordAction(tx, [{ instanceId: instance.id, action, requestId: ctx.requestId, userId, projectId: instance.projectId }]);
      await recordEvent(tx, instance.id, ctx.requestId, {
        event: `api_${action}`,
        startTime: now,
        finishTime: now,
        result: 'Success',
        traceback: null,
        host: null,
        details: null,
      });
      return true;
    }),
  );
  if (changed === null) throw instanceNotFound(instance.id);
}
