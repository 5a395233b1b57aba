import type { ComputeAgent } from '../../../contracts/compute.ts';
import { updateMove } from '../../../store/moves.ts';
import type { CellDatabase } from '../../../store/stores.ts';
import type { ConductorDeps } from '../deps.ts';

/** Writes down how far a live migration is, now and then, until it is disposed of. */
export function watchLiveMigration(
  { clock, log, settings }: ConductorDeps,
  database: CellDatabase,
  agent: ComputeAgent,
  { instanceId, moveId }: { readonly instanceId: string; readonly moveId: string },
): AsyncDisposable {
  const ended = new AbortController();
  /** Soon at first: the command has to reach the host. */
  const firstMs = 50;
  const everyMs = settings.libvirt.live_migration_monitor_interval * 1000;
  const watch = async (): Promise<void> => {
    for (let pause = firstMs; ; pause = Math.min(pause * 2, everyMs)) {
      await clock.sleep(pause, ended.signal);
      try {
        const { migration } = await agent.liveMigrationProgress({ instanceId });
        if (migration === null) continue;
        const { queued, progress } = migration;
        await updateMove(database, moveId, { status: queued ? 'queued' : 'running', ...(progress === null ? {} : { progress }) }, [
          'preparing',
          'queued',
          'running',
        ]);
      } catch (error) {
        log.debug({ err: error, instanceId }, 'the progress of a live migration could not be looked at');
      }
    }
  };
  const watching = watch().catch(() => undefined); // ended by the signal
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await watching;
    },
  };
}
