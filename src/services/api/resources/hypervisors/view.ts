import Type from 'typebox';
import { versionedView, type ViewField } from '../../../../lib/http/versioned-view.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { NodeUsage } from '../../../../store/instance-usage.ts';
import type { ComputeNode, ServiceRecord } from '../../../../store/services.ts';

/** A hypervisor with what its representation needs beside what its host tells of it. */
export interface HypervisorDetail {
  readonly node: ComputeNode;
  readonly service: ServiceRecord;
  readonly up: boolean;
  /** What its servers take, the host's own share included. */
  readonly usage: NodeUsage;
  /** Null where nobody asked. */
  readonly servers: readonly { readonly uuid: string; readonly name: string }[] | null;
  /** Null where the host does not say. */
  readonly uptime: string | null;
}

type Field = ViewField<HypervisorDetail, RequestContext>;
const Text = Type.String();
const Count = Type.Integer();
const Servers = Type.Array(Type.Object({ uuid: Text, name: Text }));
/** Amounts, which placement tells since 2.88. */
const amount = (get: Field['get'], type: Field['type'] = Count): Field => ({ until: '2.87', type, get });

const brief = {
  id: [
    { until: '2.52', type: Count, get: (d) => d.node.id },
    { since: '2.53', type: Text, get: (d) => d.node.uuid },
  ],
  hypervisor_hostname: { type: Text, get: (d) => d.node.name },
  state: { type: Type.Enum(['up', 'down']), get: (d) => (d.up ? 'up' : 'down') },
  status: { type: Type.Enum(['enabled', 'disabled']), get: (d) => (d.service.disabled ? 'disabled' : 'enabled') },
  servers: [
    { until: '2.74', type: Servers, get: (d) => (d.servers === null || d.servers.length === 0 ? undefined : d.servers) },
    { since: '2.75', type: Servers, get: (d) => d.servers ?? undefined },
  ],
} satisfies Readonly<Record<string, Field | readonly Field[]>>;

export const briefHypervisorView = versionedView<HypervisorDetail, RequestContext>('BriefHypervisor', brief);

export const hypervisorView = versionedView<HypervisorDetail, RequestContext>('Hypervisor', {
  ...brief,
  hypervisor_type: { type: Text, get: (d) => d.node.facts.hypervisorType },
  hypervisor_version: { type: Count, get: (d) => d.node.facts.hypervisorVersion },
  host_ip: { type: Text, get: (d) => d.node.facts.hostIp },
  service: [
    {
      until: '2.52',
      type: Type.Unknown(),
      get: ({ service }) => ({ id: service.id, host: service.host, disabled_reason: service.disabledReason }),
    },
    {
      since: '2.53',
      type: Type.Unknown(),
      get: ({ service }) => ({ id: service.uuid, host: service.host, disabled_reason: service.disabledReason }),
    },
  ],
  vcpus: amount((d) => d.node.facts.vcpus),
  memory_mb: amount((d) => d.node.facts.memoryMb),
  local_gb: amount((d) => d.node.facts.localGb),
  vcpus_used: amount((d) => d.usage.vcpus),
  memory_mb_used: amount((d) => d.usage.memoryMb),
  local_gb_used: amount((d) => d.usage.diskGb),
  free_ram_mb: amount((d) => d.node.facts.memoryMb - d.usage.memoryMb),
  free_disk_gb: amount((d) => d.node.facts.localGb - d.usage.diskGb),
  current_workload: amount((d) => d.usage.busy),
  running_vms: amount((d) => d.usage.instances),
  disk_available_least: amount((d) => d.node.facts.diskAvailableLeast, Type.Union([Count, Type.Null()])),
  cpu_info: [
    { until: '2.27', type: Text, get: (d) => JSON.stringify(d.node.facts.cpuInfo) },
    { since: '2.28', until: '2.87', type: Type.Object({}), get: (d) => d.node.facts.cpuInfo },
  ],
  uptime: { since: '2.88', type: Type.Union([Text, Type.Null()]), get: (d) => d.uptime },
});

/** A hypervisor with how long its host has been running, by itself until 2.87. */
export const uptimeView = versionedView<HypervisorDetail, RequestContext>('HypervisorUptime', {
  ...brief,
  uptime: { type: Text, get: (d) => d.uptime },
});

/** All hypervisors taken together. */
export function statisticsOf(hypervisors: readonly HypervisorDetail[]): Record<string, number> {
  const sum = (get: (d: HypervisorDetail) => number | null): number => hypervisors.reduce((total, d) => total + (get(d) ?? 0), 0);
  const facts = (key: 'vcpus' | 'memoryMb' | 'localGb' | 'diskAvailableLeast'): number => sum(({ node }) => node.facts[key]);
  const used = (key: keyof NodeUsage): number => sum(({ usage }) => usage[key]);
  return {
    count: hypervisors.length,
    vcpus: facts('vcpus'),
    memory_mb: facts('memoryMb'),
    local_gb: facts('localGb'),
    vcpus_used: used('vcpus'),
    memory_mb_used: used('memoryMb'),
    local_gb_used: used('diskGb'),
    free_ram_mb: facts('memoryMb') - used('memoryMb'),
    free_disk_gb: facts('localGb') - used('diskGb'),
    current_workload: used('busy'),
    running_vms: used('instances'),
    disk_available_least: facts('diskAvailableLeast'),
  };
}
