import { isKnownResourceClass } from '../../../../../domain/resource-classes.ts';
import { isKnownTrait } from '../../../../../domain/standard-traits.ts';

/** Judges a value: null when it is right, else what it must be. */
type ValueRule = (value: string) => string | null;
/** The keys of one namespace (without it); a value rule for each. */
interface Namespace {
  readonly keys: Readonly<Record<string, ValueRule>>;
  /** Keys that are not fixed names. */
  readonly patterns?: readonly { readonly key: { test(key: string): boolean }; readonly rule: ValueRule }[];
}

const text: ValueRule = () => null;
const matching =
  (form: RegExp, what: string): ValueRule =>
  (value) =>
    form.test(value) ? null : `must be ${what}`;
const oneOf = (...allowed: readonly string[]): ValueRule =>
  matching(new RegExp(`^(${allowed.map((word) => word.replaceAll('.', String.raw`\.`)).join('|')})$`), `one of ${allowed.join(', ')}`);
const flag = matching(/^(true|t|1|on|yes|y|false|f|0|off|no|n)$/i, 'a boolean');
const integer =
  (least: number | null, most: number | null = null): ValueRule =>
  (value) => {
    if (!/^[+-]?\d{1,15}$/.test(value)) return 'must be an integer';
    if (least !== null && Number(value) < least) return `must be at least ${least}`;
    return most !== null && Number(value) > most ? `must be at most ${most}` : null;
  };
const cpuList = matching(/^\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*$/, 'a list of processors, such as 0-2,^1');
const each = <const Name extends string>(names: readonly Name[], rule: ValueRule): Record<Name, ValueRule> =>
  Object.fromEntries(names.map((name) => [name, rule])) as Record<Name, ValueRule>;
const group = '[a-zA-Z0-9_-]{1,64}';

const hostFacts = [
  'id',
  'uuid',
  'service_id',
  'host',
  'vcpus',
  'memory_mb',
  'local_gb',
  'vcpus_used',
  'memory_mb_used',
  'local_gb_used',
  'hypervisor_type',
  'hypervisor_version',
  'hypervisor_hostname',
  'free_ram_mb',
  'free_disk_gb',
  'current_workload',
  'running_vms',
  'disk_available_least',
  'host_ip',
  'mapped',
  'cpu_allocation_ratio',
  'ram_allocation_ratio',
  'disk_allocation_ratio',
  'total_usable_ram_mb',
  'total_usable_disk_gb',
  'disk_mb_used',
  'free_disk_mb',
  'vcpus_total',
  'num_instances',
  'num_io_ops',
  'failed_builds',
  'aggregates',
  'cell_uuid',
  'updated',
] as const;
const nestedFacts = [
  'cpu_info',
  'metrics',
  'stats',
  'numa_topology',
  'supported_hv_specs',
  'pci_device_pools',
  'nodename',
  'pci_stats',
  'supported_instances',
  'limits',
  'instances',
] as const;

/** What is known of extra specs; other namespaces and bare keys are the operator's own. */
const namespaces: Readonly<Record<string, Namespace>> = {
  accel: { keys: { device_profile: text } },
  aggregate_instance_extra_specs: { keys: {}, patterns: [{ key: /./, rule: text }] },
  capabilities: {
    keys: each(hostFacts, text),
    patterns: [{ key: new RegExp(`^(${nestedFacts.join('|')})(:[a-zA-Z0-9-_:. ]+)?$`), rule: text }],
  },
  hw: {
    keys: {
      cpu_policy: oneOf('dedicated', 'shared', 'mixed'),
      cpu_thread_policy: oneOf('prefer', 'isolate', 'require'),
      emulator_threads_policy: oneOf('isolate', 'share'),
      cpu_dedicated_mask: cpuList,
      cpu_realtime_mask: cpuList,
      ...each(
        [
          'cpu_realtime',
          'locked_memory',
          'hide_hypervisor_id',
          'boot_menu',
          'vif_multiqueue_enabled',
          'mem_encryption',
          'pmu',
          'virtio_packed_ring',
          'ephemeral_encryption',
        ],
        flag,
      ),
      ...each(['cpu_sockets', 'cpu_cores', 'cpu_threads', 'cpu_max_sockets', 'cpu_max_cores', 'cpu_max_threads', 'numa_nodes'], integer(1)),
      mem_page_size: matching(/^(large|small|any|\d+([kKMGT]i?)?[bB]?)$/, 'large, small, any or a size'),
      mem_encryption_model: oneOf('amd-sev', 'amd-sev-es', 'amd-sev-snp'),
      pci_numa_affinity_policy: oneOf('required', 'preferred', 'legacy', 'socket'),
      pmem: text,
      serial_port_count: integer(0),
      redirected_usb_ports: integer(0, 15),
      tpm_model: oneOf('tpm-tis', 'tpm-crb'),
      tpm_version: oneOf('1.2', '2.0'),
      tpm_secret_security: oneOf('user', 'host', 'deployment'),
      watchdog_action: oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'),
      viommu_model: oneOf('intel', 'smmuv3', 'virtio', 'auto'),
      sound_model: oneOf('sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio'),
      usb_model: oneOf('none', 'nec-xhci', 'qemu-xhci'),
      ephemeral_encryption_format: oneOf('plain', 'luks', 'luksv2'),
    },
    patterns: [
      { key: /^numa_cpus\.\d+$/, rule: cpuList },
      { key: /^numa_mem\.\d+$/, rule: integer(1) },
    ],
  },
  hw_rng: { keys: { allowed: flag, rate_bytes: integer(0), rate_period: integer(0) } },
  hw_video: { keys: { ram_max_mb: integer(0) } },
  os: { keys: { secure_boot: oneOf('disabled', 'required') } },
  pci_passthrough: { keys: { alias: matching(/^[^:,\s]+:\d+(,[^:,\s]+:\d+)*$/, 'aliases with counts, such as gpu:1') } },
  quota: {
    keys: { ...each(['cpu_shares', 'cpu_period'], integer(0)), cpu_quota: integer(null) },
    patterns: [
      { key: /^(cpu|memory|disk_io|vif)_(limit|reservation|shares_share)$/, rule: integer(0) },
      { key: /^(cpu|memory|disk_io|vif)_shares_level$/, rule: oneOf('custom', 'high', 'normal', 'low') },
      { key: /^disk_(read|write|total)_(bytes|iops)_sec$/, rule: integer(0) },
      { key: /^vif_(inbound|outbound)_(average|peak|burst)$/, rule: integer(0) },
    ],
  },
  vmware: { keys: { hw_version: text, storage_policy: text } },
};
/** `resources`, `resources1`, `resources_NET`, … */
const grouped: readonly { readonly namespace: RegExp; readonly known: Namespace }[] = [
  {
    namespace: new RegExp(`^resources(${group})?$`),
    known: { keys: {}, patterns: [{ key: { test: isKnownResourceClass }, rule: integer(0) }] },
  },
  {
    namespace: new RegExp(`^trait(${group})?$`),
    known: { keys: {}, patterns: [{ key: { test: isKnownTrait }, rule: oneOf('required', 'forbidden') }] },
  },
];
const bare: Readonly<Record<string, ValueRule>> = { hide_hypervisor_id: flag, group_policy: oneOf('isolate', 'none') };

const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

/** What is wrong with an extra spec, or null. */
export function problemOfExtraSpec(key: string, value: string): string | null {
  const colon = key.indexOf(':');
  const [name, rest] = colon < 0 ? ['', key] : [key.slice(0, colon), key.slice(colon + 1)];
  const namespace = colon < 0 ? null : (own(namespaces, name) ?? grouped.find((entry) => entry.namespace.test(name))?.known ?? null);
  if (namespace === null) {
    const problem = colon < 0 ? (own(bare, key)?.(value) ?? null) : null;
    return problem === null ? null : `extra spec '${key}' ${problem}, not '${value}'.`;
  }
  const rule = own(namespace.keys, rest) ?? namespace.patterns?.find((entry) => entry.key.test(rest))?.rule;
  if (rule === undefined) return `extra spec '${key}' does not appear to be a valid extra spec.`;
  const problem = rule(value);
  return problem === null ? null : `extra spec '${key}' ${problem}, not '${value}'.`;
}
