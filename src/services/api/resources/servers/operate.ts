import type { ActionName } from '../../../../domain/instance-actions.ts';
import { wrongState } from '../../../../domain/faults.ts';
import { instanceActions, reasonAgainst } from '../../../../domain/instance-actions.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { conflict, invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { recordAction } from '../../../../store/actions.ts';
import { beginAction, findInstance, updateInstance, type InstanceChanges, type LocatedInstance } from '../../../../store/instances.ts';
import { holdSaga, insertSagas } from '../../../../store/sagas.ts';
import { sharesOf } from '../../../../store/share-mappings.ts';
import type { ApiDeps } from '../../deps.ts';
import { refuseLocked } from './find-server.ts';

/** The saga that carries an operation out, and what is written with it. */
export interface Operation {
  readonly id?: string;
  readonly name: string;
  readonly params?: object;
  /** What the request changes of the server at once. */
  readonly changes?: InstanceChanges;
  /** The saga waits so long for a word of the API (`settleSaga`) before it is run without one. */
  readonly heldMs?: number;
}

/**
 * Accepts an operation on a server: the lock and the state are judged, and the task state, the record of the action and the saga that
 * carries it out are written in one transaction, so that none is ever without the others.
 */
export async function operate(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  action: ActionName,
  saga: Operation,
  { whileLocked = false }: { readonly whileLocked?: boolean } = {},
): Promise<Instance> {
  await refuseWithShares(deps, located, action);
  if (!whileLocked) refuseLocked(ctx, located.instance);
  try {
    return await begin(deps, ctx, located, action, saga);
  } catch (error) {
    // a server that is placed at this very moment is in its new cell
    const found = isKind(error, 'notFound') ? await findInstance(deps.stores, located.instance.id) : null;
    if (found === null || found.cellId === located.cellId) throw error;
    return begin(deps, ctx, found, action, saga);
  }
}

/** Refuses, in the words of `operate`, what the state of a server does not allow: for what must be judged before anything else is done. */
export function refuseWrongState(action: ActionName, instance: Instance): void {
  const reason = reasonAgainst(action, instance);
  if (reason !== null) throw wrongState(instanceActions[action].recordedAs, instance.id, reason);
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
  saga: Operation,
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
      const id = saga.id ?? deps.ids.uuid();
      await insertSagas(tx, [
        {
          id,
          name: saga.name,
          subject: instance.id,
          params: { instanceId: instance.id, requestId: ctx.requestId, startedAt: deps.clock.now(), ...saga.params },
        },
      ]);
      if (saga.heldMs !== undefined) await holdSaga(tx, id, saga.heldMs);
      return saga.changes === undefined ? now : ((await updateInstance(tx, instance.id, saga.changes)) ?? now);
    });
  deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
  return begun;
}
