import { lastAuditPeriod } from '../../../domain/audit-period.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { listServices } from '../../../store/services.ts';
import { beginUsageAudit, endUsageAudit, usageOfHost } from '../../../store/usage-audits.ts';
import type { ConductorDeps } from '../deps.ts';

/** Keeps true: what the instances of each host used in the last whole period has been counted, logged and written down, where that is asked for. */
export const usageAudits = (deps: ConductorDeps): ReconcilerSpec => ({
  name: 'usage-audits',
  everyMs: 60_000,
  run: async (signal) => {
    const { instance_usage_audit: enabled, instance_usage_audit_period: unit } = deps.settings.DEFAULT;
    if (!enabled) return { enabled };
    const period = lastAuditPeriod(unit, deps.clock.now());
    let audited = 0;
    for (const { host, cellId } of (await listServices(deps.stores)).filter(({ binary }) => binary === 'nova-compute')) {
      signal.throwIfAborted();
      const database = deps.stores.cell(cellId);
      if (!(await beginUsageAudit(database, host, period))) continue;
      const began = deps.clock.now();
      const usage = await usageOfHost(database, host, period);
      deps.log.info({ host, from: new Date(period.begin), to: new Date(period.end), ...usage }, 'usage of a host audited');
      const seconds = (deps.clock.now() - began) / 1000;
      const message = `Instance usage audit ran for host ${host}, ${usage.instances} instances in ${seconds} seconds.`;
      await endUsageAudit(database, host, period, { instances: usage.instances, errors: 0, message });
      audited++;
    }
    return { enabled, audited };
  },
});
