import { isKind } from '../../../lib/errors.ts';
import { listServices, recordSeen } from '../../../store/services.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import type { ConductorDeps } from '../deps.ts';

/** Keeps true: a compute service counts as up exactly while its host executes what it is asked. One write a cell, however many hosts. */
export const hostLiveness = (deps: ConductorDeps): ReconcilerSpec => ({
  name: 'host-liveness',
  everyMs: deps.settings.DEFAULT.report_interval * 1000,
  run: async (signal) => {
    const services = (await listServices(deps.stores)).filter((service) => service.binary === 'nova-compute');
    const seen = await Promise.all(
      services.map(async (service) => {
        try {
          await deps.agentOn(service.host).ping({}, { signal, timeoutMs: 5000 });
          return service;
        } catch (error) {
          if (!isKind(error, 'unavailable')) deps.log.warn({ err: error, host: service.host }, 'host answers its ping with an error');
          return null;
        }
      }),
    );
    const alive = seen.filter((service) => service !== null);
    for (const [cellId, ofCell] of Map.groupBy(alive, (service) => service.cellId)) {
      await recordSeen(
        deps.stores.cell(cellId),
        'nova-compute',
        ofCell.map((service) => service.host),
      );
    }
    return { hosts: services.length, alive: alive.length };
  },
});
