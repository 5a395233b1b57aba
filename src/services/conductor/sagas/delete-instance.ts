import type { InstanceId } from '../../../domain/instance.ts';
import { unavailable } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { forgetConsoleTokens } from '../../../store/console-tokens.ts';
import { findInstance, markDeleted } from '../../../store/instances.ts';
import { forgetInstance } from '../../../store/mappings.ts';
import { activeSagas, cancelSagas } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { endMoves } from '../end-moves.ts';
import { finishEvent } from '../outcome.ts';
import { unplugPorts } from '../ports.ts';
import { discardVolumes } from '../volumes.ts';
import { discardShelvedImage } from '../shelved.ts';
import { destroyOnHost } from './destroy-on-host.ts';

export interface DeleteParams {
  readonly instanceId: InstanceId;
  readonly requestId: string;
  readonly startedAt: number;
}

/** Deletes an instance and everything that is its own. Never undone: a delete that was accepted is carried through. */
export const deleteInstance = saga<DeleteParams, ConductorDeps>('delete-instance')
  .pointOfNoReturn()
  .step('alone', {
    // whatever else is being done to the instance is called off, and has taken back what it did
    run: async ({ params, deps, sagaId }) => {
      let others = 0;
      for (const { database } of deps.stores.cells()) {
        await cancelSagas(database, params.instanceId, { exceptName: 'delete-instance' });
        const active = (await activeSagas(database, params.instanceId)).filter((other) => other.id !== sagaId);
        // of two deletes the older one goes on
        others += active.filter((other) => other.name !== 'delete-instance' || other.id < sagaId).length;
      }
      if (others > 0) throw unavailable('Other operations on the server are being undone first.');
      return null;
    },
  })
  .step('destroyed', {
    run: async ({ params, deps, idempotencyKey }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found?.instance.host == null) return { host: null };
      await destroyOnHost(deps, params.instanceId, found.instance.host, found.instance.networkInfo, idempotencyKey);
      return { host: found.instance.host };
    },
    passedOver: () => Promise.resolve({ host: null }),
  })
  .step('released', {
    run: async ({ params, deps, idempotencyKey }) => {
      await endMoves(deps, params.instanceId, idempotencyKey);
      const found = await findInstance(deps.stores, params.instanceId);
      const kept = found === null ? [] : await discardVolumes(deps, found.instance);
      for (const { volumeId, why } of kept)
        deps.log.warn({ instanceId: params.instanceId, volumeId, why }, 'a volume that should go with its server could not be deleted');
      await Promise.all([
        unplugPorts(deps, params.instanceId),
        discardShelvedImage(deps, found?.instance ?? null),
        deps.placement.deleteAllocations(deps.identity.serviceSession, params.instanceId),
      ]);
      return null;
    },
  })
  .step('finished', {
    run: async ({ params, results, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      const database = deps.stores.cell(found.cellId);
      await forgetInstance(deps.stores, params.instanceId);
      await database.transaction().execute(async (tx) => {
        await finishEvent(deps, tx, {
          instanceId: params.instanceId,
          requestId: params.requestId,
          name: 'compute_terminate_instance',
          startedAt: params.startedAt,
          host: results.destroyed.host,
        });
        await forgetConsoleTokens(tx, params.instanceId);
        await markDeleted(tx, params.instanceId);
      });
      // it may have been moved to another cell at that very moment: then it is still to be marked there
      if ((await findInstance(deps.stores, params.instanceId)) !== null)
        throw unavailable('The server was moved to another cell meanwhile.');
      return null;
    },
  });
