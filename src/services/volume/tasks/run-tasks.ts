import { isKind } from '../../../lib/errors.ts';
import { startReconciler } from '../../../lib/reconciler/reconciler.ts';
import { nowOf, type VolumeDeps } from '../deps.ts';
import { deleteTask, dueTasks, postponeTask, type Task } from '../store/tasks.ts';
import type { TaskHandler } from './handler.ts';
import { createSnapshot, deleteSnapshot } from './snapshot-tasks.ts';
import type { TaskKind } from './task.ts';
import { tellCompute } from './tell-compute.ts';
import { uploadVolume } from './upload-volume.ts';
import { createVolume, deleteVolume, dropOldContent, extendVolume, reimageVolume, retypeVolume, revertVolume } from './volume-tasks.ts';

const handlers: Readonly<Record<TaskKind, TaskHandler>> = {
  'create-volume': createVolume,
  'delete-volume': deleteVolume,
  'extend-volume': extendVolume,
  'retype-volume': retypeVolume,
  'drop-old-content': dropOldContent,
  'reimage-volume': reimageVolume,
  'revert-volume': revertVolume,
  'upload-volume': uploadVolume,
  'create-snapshot': createSnapshot,
  'delete-snapshot': deleteSnapshot,
  'tell-compute': tellCompute,
};

/** A neighbour that does not answer is asked so often again, each time later. */
const mostAttempts = 8;
const retryMs = (attempts: number): number => Math.min(60_000, 500 * 2 ** attempts);

export interface TaskRunner {
  nudge(): void;
  /** Interrupts what runs; it is done again at the next start. */
  stop(): Promise<void>;
}

/** Keeps every promised task done: oldest first, one at a time for each volume, some at the same time. */
export function startTasks(deps: VolumeDeps): TaskRunner {
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();

  async function work(task: Task): Promise<void> {
    const handler = handlers[task.kind];
    try {
      const finish = await handler.run(deps, task, stopping.signal);
      await end(task, finish);
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (isKind(error, 'unavailable') && task.attempts + 1 < mostAttempts) {
        deps.log.warn({ err: error, task: task.kind, volumeId: task.subject }, 'a task of the volume service is tried again later');
        await postponeTask(deps.database, task.id, new Date(deps.clock.now() + retryMs(task.attempts)));
        return;
      }
      deps.log.error({ err: error, task: task.kind, volumeId: task.subject }, 'a task of the volume service failed');
      await end(task, await handler.giveUp(deps, task));
    }
  }

  const end = (task: Task, finish: Awaited<ReturnType<TaskHandler['run']>>): Promise<void> =>
    deps.database.transaction().execute(async (tx) => {
      await finish(tx);
      await deleteTask(tx, task.id);
    });

  const reconciler = startReconciler(
    {
      name: 'promised-volume-work-is-done',
      everyMs: 1000,
      async run() {
        const due = await dueTasks(deps.database, nowOf(deps));
        for (const task of due) {
          if (running.size >= deps.settings.concurrentTasks || running.has(task.subject)) continue;
          const done = work(task)
            .catch((error: unknown) => deps.log.error({ err: error, task: task.kind }, 'a task of the volume service could not be ended'))
            .finally(() => {
              running.delete(task.subject);
              if (!stopping.signal.aborted) reconciler.nudge();
            });
          running.set(task.subject, done);
        }
        return { due: due.length, running: running.size };
      },
    },
    deps,
  );
  return {
    nudge: () => reconciler.nudge(),
    async stop() {
      stopping.abort(new Error('stopping'));
      await reconciler.stop();
      await Promise.all(running.values());
    },
  };
}
