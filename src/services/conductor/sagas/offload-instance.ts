import { saga } from '../../../lib/saga/saga.ts';
import type { ConductorDeps } from '../deps.ts';
import type { OperationParams } from '../outcome.ts';
import { offload } from '../shelved.ts';

/** Takes a shelved server off its host. Its disk is an image already, so there is nothing to go back to. */
export const offloadInstance = saga<OperationParams, ConductorDeps>('offload-instance')
  .pointOfNoReturn()
  .step('offloaded', {
    run: async ({ params, deps, idempotencyKey }) => {
      await offload(deps, params, idempotencyKey);
      return null;
    },
  });
