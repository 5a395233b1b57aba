import Type from 'typebox';
import { instanceNotFound } from '../../../../domain/faults.ts';
import { powerStates, type VmState } from '../../../../domain/instance.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { recordAction } from '../../../../store/actions.ts';
import { transition } from '../../../../store/instances.ts';
import { serverAction } from '../../deps.ts';
import { refuseLocked } from './find-server.ts';

const ResetState = plainBody('ResetState', Type.Object({ state: Type.Enum(['active', 'error']) }, { additionalProperties: false }));

/** What administrators do to servers that are not as they should be. */
export const adminActions = [
  serverAction({
    key: 'os-resetState',
    summary: 'Say that a server is active, or in error',
    policy: 'os_compute_api:os-admin-actions:reset_state',
    body: ResetState,
    reply: { status: 202 },
    handle: async ({ body, loaded: { instance, cellId }, ctx, deps }) => {
      const { id, projectId } = instance;
      const { userId } = ctx.caller;
      const vmState: VmState = body.state;
      await deps.stores
        .cell(cellId)
        .transaction()
        .execute(async (tx) => {
          const changes = vmState === 'error' ? {} : { powerState: instance.powerState || powerStates.noState };
          if ((await transition(tx, id, { vmState, taskState: null }, changes)) === null) throw instanceNotFound(id);
          await recordAction(tx, [{ instanceId: id, action: 'resetState', requestId: ctx.requestId, userId, projectId }]);
        });
      deps.log.warn(
        { instanceId: id, userId, from: instance.vmState, task: instance.taskState, to: vmState },
        'the state of a server was reset by an administrator',
      );
    },
  }),
  serverAction({
    key: 'injectNetworkInfo',
    summary: 'Read the interfaces of a server anew',
    policy: 'os_compute_api:os-admin-actions:inject_network_info',
    reply: { status: 202 },
    handle: async ({ loaded: { instance }, ctx, deps }) => {
      refuseLocked(ctx, instance);
      await deps.conductor.networkChanged({ instanceIds: [instance.id] });
    },
  }),
];
