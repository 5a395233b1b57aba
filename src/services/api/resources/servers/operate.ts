import type { ActionName } from '../../../../domain/instance-actions.ts';
import { instanceActions } from '../../../../domain/instance-actions.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { conflict, invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { recordAction } from '../../../../store/actions.ts';
import { beginAction, findInstance, type LocatedInstance } from '../../../../store/instances.ts';
import { insertSagas } from '../../../../store/sagas.ts';
import { sharesOf } from '../../../../store/share-mappings.ts';
import type { ApiDeps } from '../../deps.ts';
import { refuseLocked } from './find-server.ts';

/**
 * Accepts an operation on a server: the lock and the state are judged, and the task state, the record of the action and the saga that
 * carries it out are written in one transaction, so that none is ever without the others.
 */
export async function operate(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  action: ActionName,
  saga: { readonly id?: string; readonly name: string; readonly params?: object },
): Promise<Instance> {
  await refuseWithShares(deps, located, action);
  refuseLocked(ctx, located.instance);
  try {
    return await begin(deps, ctx, located, action, saga);
  } catch (error) {
    // a server that is placed at this very moment is in its new cell
    const found = isKind(error, 'notFound') ? await findInstance(deps.stores, located.instance.id) : null;
    if (found === null || found.cellId === located.cellId) throw error;
    return begin(deps, ctx, found, action, saga);
  }
}

/** What cannot be done to a server that has shares of files. */
const notWithShares: readonly ActionName[] = ['resize', 'migrate', 'liveMigrate', 'evacuate', 'shelve', 'suspend', 'rebuild'];

async function refuseWithShares(deps: ApiDeps, { instance, cellId }: LocatedInstance, action: ActionName): Promise<void> {
  if (!notWithShares.includes(action) || (await sharesOf(deps.stores.cell(cellId), instance.id)).length === 0) return;
  throw (action === 'rebuild' ? invalid : conflict)('Feature not supported with instances that have shares.');
}

async function begin(
  deps: ApiDeps,
  ctx: RequestContext,
  { instance, cellId }: LocatedInstance,
  action: ActionName,
  saga: { readonly id?: string; readonly name: string; readonly params?: object },
): Promise<Instance> {
  const begun = await deps.stores
    .cell(cellId)
    .transaction()
    .execute(async (tx) => {
      const now = await beginAction(tx, action, instance);
      const { userId } = ctx.caller;
      await recordAction(tx, [
        {
          instanceId: instance.id,
          action: instanceActions[action].recordedAs,
          requestId: ctx.requestId,
          userId,
          projectId: instance.projectId,
        },
      ]);
      await insertSagas(tx, [
        {
          id: saga.id ?? deps.ids.uuid(),
          name: saga.name,
          subject: instance.id,
          params: { instanceId: instance.id, requestId: ctx.requestId, startedAt: deps.clock.now(), ...saga.params },
        },
      ]);
      return now;
    });
  deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
  return begun;
}
