import { saga } from '../../../lib/saga/saga.ts';
import { getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';

const event = 'compute_trigger_crash_dump';

/** Has a guest write a crash dump. What the guest makes of it is its own affair: the server stays what it is. */
export const triggerCrashDump = saga<OperationParams, ConductorDeps>('trigger-crash-dump')
  .step('interrupted', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await deps
        .agentOn(instance.host ?? '')
        .crashDump({ instanceId: instance.id }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { host: instance.host };
    },
    undo: async ({ params, deps, failure }) =>
      void (await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure })),
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await concludeOperation(deps, params, { event, whileTask: [null], host: results.interrupted.host });
      return null;
    },
  });
