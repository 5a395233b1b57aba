import { startReconciler, type Reconciler } from '../../lib/reconciler/reconciler.ts';
import type { VolumeDeps } from './deps.ts';
import { exportsOf } from './exports.ts';
import { storedVolume } from './records.ts';
import { servedVolumes } from './store/volumes.ts';

/** Every volume that a server is connected to is served, whatever has died meanwhile, and no other. */
export const keepServed = (deps: VolumeDeps): Reconciler =>
  startReconciler(
    {
      name: 'connected-volumes-are-served',
      everyMs: 10_000,
      async run(signal) {
        const wanted = await servedVolumes(deps.database);
        let failed = 0;
        for (const volume of wanted) {
          signal.throwIfAborted();
          try {
            await deps.backend.serve(storedVolume(volume), () => exportsOf(deps, volume.id));
          } catch (error) {
            failed++;
            deps.log.error({ err: error, volumeId: volume.id }, 'a connected volume cannot be served');
          }
        }
        const known = new Set(wanted.map(({ id }) => id));
        for (const volumeId of await deps.backend.serving()) {
          if (known.has(volumeId) || (await exportsOf(deps, volumeId)).length > 0) continue;
          await deps.backend.stopServing(volumeId);
          deps.log.warn({ volumeId }, 'a volume that nobody is connected to was still served');
        }
        return { served: wanted.length, failed };
      },
    },
    deps,
  );
