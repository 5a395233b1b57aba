import { serverAction } from '../../deps.ts';
import { admitServers } from '../../quota.ts';
import { deleteForGood } from './delete-server.ts';
import { refuseLocked } from './find-server.ts';
import { operate, refuseWrongState } from './operate.ts';

/** What can be done to a server that is deleted for a time. */
export const deferredDeleteActions = [
  serverAction({
    key: 'restore',
    summary: 'Take the delete of a server back',
    policy: 'os_compute_api:os-deferred-delete:restore',
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => {
      const { projectId, userId, flavor } = loaded.instance;
      refuseLocked(ctx, loaded.instance);
      refuseWrongState('restore', loaded.instance);
      // it counts again from now on: nobody else of its project is admitted meanwhile
      await deps.stores.cell0.database.transaction().execute(async (tx) => {
        await admitServers(deps, tx, projectId, flavor, { min: 1, max: 1, userId });
        await operate(deps, ctx, loaded, 'restore', { name: 'restore-instance' });
      });
    },
  }),
  serverAction({
    key: 'forceDelete',
    summary: 'Delete a server for good',
    policy: 'os_compute_api:os-deferred-delete:force',
    reply: { status: 202 },
    handle: ({ loaded, ctx, deps }) => deleteForGood(deps, ctx, loaded),
  }),
];
