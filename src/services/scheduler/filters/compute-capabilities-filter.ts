import type { HostState } from '../host-state.ts';
import { matchesExtraSpec } from './extra-spec-match.ts';
import { pass, reject, type HostFilter } from './filter.ts';

/** What extra specs may ask of a host, by Nova's names. */
const capabilities = (host: HostState): Readonly<Record<string, unknown>> => ({
  ...host.facts.stats,
  host: host.host,
  nodename: host.node,
  hypervisor_hostname: host.node,
  hypervisor_type: host.facts.hypervisorType,
  hypervisor_version: host.facts.hypervisorVersion,
  vcpus_total: host.facts.vcpus,
  vcpus_used: host.facts.vcpusUsed,
  free_ram_mb: host.freeMemoryMb,
  free_disk_mb: host.freeDiskMb,
  num_instances: host.facts.runningVms,
  cpu_info: host.facts.cpuInfo,
});

/** Keeps hosts that have every capability the flavor's extra specs ask for: `capabilities:a:b`, and unscoped keys the host knows. */
export const computeCapabilitiesFilter: HostFilter = {
  name: 'ComputeCapabilitiesFilter',
  check(host, { spec }) {
    const known = capabilities(host);
    for (const [key, requirement] of Object.entries(spec.flavor.extraSpecs)) {
      const scoped = key.startsWith('capabilities:');
      const path = scoped ? key.split(':').slice(1) : [key];
      if (!scoped && (key.includes(':') || !Object.hasOwn(known, key))) continue;
      let value: unknown = known;
      for (const part of path)
        value =
          typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined;
      if (value === undefined) return reject('without a capability the flavor asks for', `it does not say what its ${path.join(':')} is`);
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      if (!matchesExtraSpec(text, requirement))
        return reject('without a capability the flavor asks for', `its ${path.join(':')} is ${text}, not ${requirement}`);
    }
    return pass;
  },
};
