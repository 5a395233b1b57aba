import type { InstanceId } from '../../../domain/instance.ts';
import { KilonovaError } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import type { Executor } from '../../../lib/sql/database.ts';
import { moveInstances } from '../../../store/move-instances.ts';
import { requestSpecOf } from '../../../store/mappings.ts';
import { eraseAdminPass, insertSagas } from '../../../store/sagas.ts';
import type { CellTables } from '../../../store/tables.ts';
import type { ConductorDeps } from '../deps.ts';
import { failInstance, finishEvent } from '../outcome.ts';
import type { BuildParams } from './build-instance.ts';

export interface PlaceParams {
  /** All instances of one create request, which are placed together. */
  readonly instanceIds: readonly InstanceId[];
  readonly requestId: string;
  /** Handed to the guests' config drives; erased when the saga has ended. */
  readonly adminPass: string | null;
  readonly startedAt: number;
}

/** Finds a place for the instances of one request, all or none, and starts the build of each in the cell of its place. Runs in cell0. */
export const placeInstances = saga<PlaceParams, ConductorDeps>('place-instances', { deadlineSeconds: deadlineOfCopies })
  .step('destinations', {
    run: async ({ params, deps, signal }) => {
      const spec = await requestSpecOf(deps.stores, params.instanceIds[0]!);
      if (spec === null) throw new KilonovaError('internal', 'The request of these instances is not recorded.');
      const selection = await deps.scheduler.selectDestinations(
        { spec, instanceIds: params.instanceIds, requestId: params.requestId },
        { signal, timeoutMs: 60_000 },
      );
      if (!selection.found) throw new KilonovaError('internal', selection.message, { code: 'NoValidHost' });
      return selection.destinations;
    },
    undo: async ({ params, deps, failure, sagaId }) => {
      await Promise.all(params.instanceIds.map((id) => deps.placement.deleteAllocations(deps.identity.serviceSession, id)));
      const { database } = deps.stores.cell0;
      for (const instanceId of params.instanceIds) {
        await failInstance(deps, database, instanceId, failure);
        await finishEvent(deps, database, {
          instanceId,
          requestId: params.requestId,
          name: 'conductor_schedule_and_build_instances',
          startedAt: params.startedAt,
          host: null,
          failure,
        });
      }
      await eraseAdminPass(database, sagaId);
    },
  })
  .pointOfNoReturn() // from here each instance has its own saga
  .step('handedOver', {
    run: async ({ params, results, deps, sagaId, alongside }) => {
      for (const [cellId, placed] of Map.groupBy(results.destinations, ({ chosen }) => chosen.cellId)) {
        const builds = placed.map(({ instanceId, chosen, alternates }) => ({
          id: buildIdOf(instanceId),
          name: 'build-instance',
          subject: instanceId,
          params: {
            instanceId: instanceId as InstanceId,
            cellId,
            requestId: params.requestId,
            chosen,
            alternates,
            adminPass: params.adminPass,
            startedAt: params.startedAt,
          } satisfies BuildParams,
        }));
        await moveInstances(deps.stores, {
          ids: placed.map(({ instanceId }) => instanceId),
          to: cellId,
          also: (tx) => insertSagas(tx, builds),
        });
      }
      if (params.adminPass !== null) alongside((tx: Executor<CellTables>) => eraseAdminPass(tx, sagaId));
      deps.wake();
      return null;
    },
  });

/** An instance is built once, so its build has its id. One that was deleted meanwhile is undone by its build, which gives its claim back. */
const buildIdOf = (instanceId: string): string => instanceId;
