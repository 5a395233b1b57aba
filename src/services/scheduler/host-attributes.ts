import type { HostState } from './host-state.ts';

/** What flavors and hints may ask of a host by name, in Nova's words. */
export const hostAttributes = (host: HostState): Readonly<Record<string, unknown>> => ({
  ...host.facts.stats,
  stats: host.facts.stats,
  host: host.host,
  nodename: host.node,
  hypervisor_hostname: host.node,
  hypervisor_type: host.facts.hypervisorType,
  hypervisor_version: host.facts.hypervisorVersion,
  host_ip: host.facts.hostIp,
  vcpus_total: host.facts.vcpus,
  vcpus_used: host.facts.vcpusUsed,
  total_usable_ram_mb: host.facts.memoryMb,
  total_usable_disk_gb: host.facts.localGb,
  free_ram_mb: host.freeMemoryMb,
  free_disk_mb: host.freeDiskMb,
  num_instances: host.instances,
  num_io_ops: host.ioOps,
  cpu_info: host.facts.cpuInfo,
});

/** The attribute a path leads to, through text that is JSON, too; undefined where there is none. */
export function attributeAt(host: HostState, path: readonly string[]): unknown {
  let value: unknown = hostAttributes(host);
  for (const part of path) {
    if (typeof value === 'string') {
      try {
        value = JSON.parse(value);
      } catch {
        return undefined;
      }
    }
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}
