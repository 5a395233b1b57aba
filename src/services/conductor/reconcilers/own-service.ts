import { recordSeen, recordService } from '../../../store/services.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import type { ConductorDeps } from '../deps.ts';

/** Keeps true: the control plane's own services stand in the service list as long as they run. They live in the default cell, as Nova's do. */
export const ownServices = (
  deps: ConductorDeps,
  binaries: readonly { readonly binary: string; readonly topic: string }[],
): ReconcilerSpec => {
  let recorded = false;
  return {
    name: 'own-services',
    everyMs: deps.settings.DEFAULT.report_interval * 1000,
    run: async () => {
      const { database } = deps.stores.defaultCell;
      const { host } = deps.settings.DEFAULT;
      if (!recorded)
        for (const { binary, topic } of binaries)
          await recordService(database, { uuid: deps.ids.uuid(), host, binary, topic, version: 1, enabled: true });
      recorded = true;
      for (const { binary } of binaries) await recordSeen(database, binary, [host]);
      return { services: binaries.length };
    },
  };
};
