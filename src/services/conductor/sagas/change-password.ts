import { fromWireError, unavailable, type WireError } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { findInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';

export interface ChangePasswordParams extends OperationParams {
  /** How the API's call of the host went; left out while it goes on. */
  readonly outcome?: { readonly failure: WireError | null };
}

const event = 'compute_set_admin_password';

/**
 * Ends a change of password. The password itself is never written down: the API alone knows it and hands it to the host, and this
 * saga waits aside until the API says how that went, or until it can no longer be heard of.
 */
export const changePassword = saga<ChangePasswordParams, ConductorDeps>('change-password')
  .step('heard', {
    run: ({ params: { outcome } }) => {
      if (outcome === undefined) throw unavailable('Whoever was changing the password is gone; whether it was changed is not known.');
      if (outcome.failure !== null) throw fromWireError(outcome.failure);
      return Promise.resolve(null);
    },
    patienceSeconds: 0,
    undo: async ({ params, deps, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      await concludeOperation(deps, params, { event, whileTask: ['updating_password'], host: found?.instance.host ?? null, failure });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      await concludeOperation(deps, params, { event, whileTask: ['updating_password'], host: found?.instance.host ?? null });
      return null;
    },
  });
