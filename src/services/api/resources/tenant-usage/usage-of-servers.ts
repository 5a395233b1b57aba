import type { Instance } from '../../../../domain/instance.ts';
import { microseconds } from '../../dates.ts';

/** The time that is looked at, in milliseconds since the epoch. */
export interface Period {
  readonly start: number;
  readonly stop: number;
}

/** What one server used in a period: from its launch to its end, as far as they lie within. */
export function usageOfServer(instance: Instance, { start, stop }: Period) {
  const { flavor, launchedAt, terminatedAt } = instance;
  const launched = launchedAt === null ? stop : Date.parse(launchedAt);
  const ended = terminatedAt === null ? stop : Date.parse(terminatedAt);
  return {
    instance_id: instance.id,
    name: instance.name,
    hours: Math.max(0, Math.min(stop, ended) - Math.max(start, launched)) / 3_600_000,
    tenant_id: instance.projectId,
    vcpus: flavor.vcpus,
    memory_mb: flavor.memoryMb,
    local_gb: flavor.rootGb + flavor.ephemeralGb,
    flavor: flavor.name,
    started_at: microseconds(launchedAt),
    ended_at: microseconds(terminatedAt),
    state: terminatedAt === null ? instance.vmState : 'terminated',
    uptime: Math.max(0, Math.trunc((ended - launched) / 1000)),
  };
}

/** What the servers of one project used together, with each of them where that is asked for. */
export function usageOfProject(
  projectId: string,
  instances: readonly Instance[],
  period: Period,
  { detailed }: { readonly detailed: boolean },
) {
  const usages = instances.map((instance) => usageOfServer(instance, period));
  const sum = (of: (usage: (typeof usages)[number]) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
  return {
    tenant_id: projectId,
    start: microseconds(new Date(period.start).toISOString()),
    stop: microseconds(new Date(period.stop).toISOString()),
    total_hours: sum(({ hours }) => hours),
    total_vcpus_usage: sum(({ vcpus, hours }) => vcpus * hours),
    total_memory_mb_usage: sum(({ memory_mb, hours }) => memory_mb * hours),
    total_local_gb_usage: sum(({ local_gb, hours }) => local_gb * hours),
    ...(detailed ? { server_usages: usages } : {}),
  };
}
