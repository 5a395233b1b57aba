import type { Instance } from '../../../../domain/instance.ts';
import type { ComputeNode } from '../../../../store/services.ts';

interface Amounts {
  readonly cpu: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

const sum = (instances: readonly Instance[]): Amounts =>
  instances.reduce(
    (total, { flavor }) => ({
      cpu: total.cpu + flavor.vcpus,
      memory_mb: total.memory_mb + flavor.memoryMb,
      disk_gb: total.disk_gb + flavor.rootGb + flavor.ephemeralGb,
    }),
    { cpu: 0, memory_mb: 0, disk_gb: 0 },
  );

/** What a host has, what it says is used, what its instances may use, and the same by project. */
export function resourcesOfHost({ host, facts }: ComputeNode, instances: readonly Instance[]) {
  const entry = (project: string, amounts: Amounts) => ({ resource: { host, project, ...amounts } });
  return [
    entry('(total)', { cpu: facts.vcpus, memory_mb: facts.memoryMb, disk_gb: facts.localGb }),
    entry('(used_now)', { cpu: facts.vcpusUsed, memory_mb: facts.memoryMbUsed, disk_gb: facts.localGbUsed }),
    entry('(used_max)', sum(instances)),
    ...[...Map.groupBy(instances, ({ projectId }) => projectId)].map(([project, own]) => entry(project, sum(own))),
  ];
}
