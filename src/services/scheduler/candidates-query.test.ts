import { expect, test } from 'vitest';
import type { PciRequest } from '../../domain/pci/pci-request.ts';
import { candidatesQuery, translate, type TranslationContext } from './candidates-query.ts';
import { aggregateOf, flavorOf, imageOf, requestSpec, settingsOf } from './test-support/request.ts';

const query = (spec: Parameters<typeof requestSpec>[0], context: Partial<TranslationContext> = {}): string => {
  const request = translate(requestSpec(spec), { aggregates: [], inTree: null, settings: settingsOf(), ...context });
  return typeof request === 'string' ? request : decodeURIComponent(candidatesQuery(request));
};
const withSpecs = (extraSpecs: Record<string, string>, properties: Record<string, string> = {}) => ({
  flavor: flavorOf(extraSpecs),
  image: imageOf(properties),
});
const root = 'root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED';

test('the query of the specification’s example', () => {
  const extraSpecs = { 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'isolate', 'resources1:VGPU': '1' };
  expect(
    query(
      { flavor: flavorOf(extraSpecs), availabilityZone: 'az1' },
      {
        settings: settingsOf('[scheduler]', 'enable_isolated_aggregate_filtering = true'),
        aggregates: [aggregateOf('A', { availability_zone: 'az1' }), aggregateOf('B', { 'trait:CUSTOM_LICENSED': 'required' })],
      },
    ),
  ).toBe(
    `limit=1000&member_of=!in:B&member_of=in:A&required=!HW_CPU_HYPERTHREADING&resources=DISK_GB:20,MEMORY_MB:2048,PCPU:2&resources1=VGPU:1&${root}`,
  );
});

test.each<[string, Parameters<typeof requestSpec>[0], string]>([
  ['a plain flavor', {}, 'resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2'],
  [
    'ephemeral disk and swap, rounded up',
    { flavor: flavorOf({}, { ephemeralGb: 5, swapMb: 1025 }) },
    'resources=DISK_GB:27,MEMORY_MB:2048,VCPU:2',
  ],
  ['a root disk that is a volume', { isBootedFromVolume: true }, 'resources=MEMORY_MB:2048,VCPU:2'],
  [
    'amounts of its own, and none',
    withSpecs({
      'resources:VCPU': '0',
      'resources:MEMORY_MB': '512',
      'resources:CUSTOM_GOLD': '3',
      'resources:NONSENSE': '1',
      'resources:DISK_GB': '-1',
    }),
    'resources=CUSTOM_GOLD:3,DISK_GB:20,MEMORY_MB:512',
  ],
  [
    'traits of flavor and image',
    withSpecs(
      { 'trait:HW_CPU_X86_AVX': 'required', 'trait:CUSTOM_SLOW': 'forbidden', 'trait:CUSTOM_ODD': 'maybe' },
      { 'trait:CUSTOM_FAST': 'required', 'trait:CUSTOM_BAD': 'forbidden' },
    ),
    'required=CUSTOM_FAST,HW_CPU_X86_AVX,!CUSTOM_SLOW&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2',
  ],
  ['dedicated processors', withSpecs({ 'hw:cpu_policy': 'dedicated' }), 'resources=DISK_GB:20,MEMORY_MB:2048,PCPU:2'],
  ['dedicated processors by the image', withSpecs({}, { hw_cpu_policy: 'dedicated' }), 'resources=DISK_GB:20,MEMORY_MB:2048,PCPU:2'],
  [
    'dedicated processors with threads, and an emulator of its own',
    withSpecs({ 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'require', 'hw:emulator_threads_policy': 'isolate' }),
    'required=HW_CPU_HYPERTHREADING&resources=DISK_GB:20,MEMORY_MB:2048,PCPU:3',
  ],
  [
    'mixed processors',
    { flavor: flavorOf({ 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-1' }, { vcpus: 4 }) },
    'resources=DISK_GB:20,MEMORY_MB:2048,PCPU:2,VCPU:2',
  ],
  ['an amount of PCPU', withSpecs({ 'resources:PCPU': '2' }), 'resources=DISK_GB:20,MEMORY_MB:2048,PCPU:2'],
  [
    'encrypted memory',
    withSpecs({ 'hw:mem_encryption': 'true' }),
    'required=HW_CPU_X86_AMD_SEV&resources=DISK_GB:20,MEMORY_MB:2048,MEM_ENCRYPTION_CONTEXT:1,VCPU:2',
  ],
  [
    'encrypted memory of a model',
    withSpecs({}, { hw_mem_encryption: 'true', hw_mem_encryption_model: 'amd-sev-es' }),
    'required=HW_CPU_X86_AMD_SEV_ES&resources=DISK_GB:20,MEMORY_MB:2048,MEM_ENCRYPTION_CONTEXT:1,VCPU:2',
  ],
  [
    'persistent memory',
    withSpecs({ 'hw:pmem': '6GB,small-1,6GB' }),
    'resources=CUSTOM_PMEM_NAMESPACE_6GB:2,CUSTOM_PMEM_NAMESPACE_SMALL_1:1,DISK_GB:20,MEMORY_MB:2048,VCPU:2',
  ],
  [
    'secure boot, stateless firmware, addresses, nearness of devices',
    withSpecs(
      { 'os:secure_boot': 'required', 'hw:maxphysaddr_mode': 'emulate', 'hw:pci_numa_affinity_policy': 'socket' },
      { hw_firmware_stateless: 'true', hw_firmware_type: 'uefi' },
    ),
    'required=COMPUTE_ADDRESS_SPACE_EMULATED,COMPUTE_SECURITY_STATELESS_FIRMWARE,COMPUTE_SECURITY_UEFI_SECURE_BOOT,COMPUTE_SOCKET_PCI_NUMA_AFFINITY&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2',
  ],
  [
    'a group of the flavor and nothing else: no policy',
    withSpecs({ 'resources_GPU:VGPU': '1', 'trait_GPU:CUSTOM_NVIDIA': 'required' }),
    'required_GPU=CUSTOM_NVIDIA&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&resources_GPU=VGPU:1',
  ],
])('%s', (_, spec, expected) => {
  expect(query(spec)).toBe(`limit=1000&${expected}&${root}`);
});

test('a TPM asks for its version, its model and who keeps its secret', () => {
  expect(query(withSpecs({ 'hw:tpm_version': '2.0', 'hw:tpm_model': 'tpm-crb', 'hw:tpm_secret_security': 'host' }))).toBe(
    'limit=1000&required=COMPUTE_SECURITY_TPM_2_0,COMPUTE_SECURITY_TPM_CRB&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&root_required=COMPUTE_SECURITY_TPM_SECRET_SECURITY_HOST,OWNER_NOVA,!COMPUTE_STATUS_DISABLED',
  );
  expect(query(withSpecs({}, { hw_tpm_version: '1.2' }))).toContain(
    'required=COMPUTE_SECURITY_TPM_1_2,COMPUTE_SECURITY_TPM_TIS&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&root_required=COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER,',
  );
});

const port = (requesterId: string) => ({
  requesterId,
  from: 'port' as const,
  resources: { NET_BW_EGR_KILOBIT_PER_SEC: 1000 },
  required: ['CUSTOM_PHYSNET_P1', 'CUSTOM_VNIC_TYPE_NORMAL'],
  forbidden: [],
});

test('ports are groups of their own; with at most one group of the flavor the policy is none', () => {
  expect(query({ ...withSpecs({ 'resources1:VGPU': '1' }), requestGroups: [port('p1')] })).toBe(
    `group_policy=none&limit=1000&requiredp1=CUSTOM_PHYSNET_P1,CUSTOM_VNIC_TYPE_NORMAL&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&resources1=VGPU:1&resourcesp1=NET_BW_EGR_KILOBIT_PER_SEC:1000&${root}`,
  );
  expect(query({ requestGroups: [port('p1'), port('p2')], sameSubtree: [['p1', 'p2']] })).toContain('same_subtree=p1,p2');
});

test('two groups of the flavor without a policy are left to placement to refuse', () => {
  const two = { 'resources1:VGPU': '1', 'resources2:VGPU': '1' };
  expect(query(withSpecs(two))).not.toContain('group_policy');
  expect(query(withSpecs({ ...two, group_policy: 'isolate' }))).toContain('group_policy=isolate');
  expect(query(withSpecs({ ...two, group_policy: 'both' }))).not.toContain('group_policy');
});

test('PCI devices that placement counts are a group each', () => {
  const gpu: PciRequest = {
    id: 'r',
    count: 2,
    alias: 'gpu',
    portId: null,
    numaPolicy: 'legacy',
    specs: [{ vendorId: '10de', productId: '1db4', traits: ['CUSTOM_FAST'], liveMigratable: false }],
  };
  expect(query({}, { pci: [gpu] })).toBe(
    `group_policy=none&limit=1000&requiredr-0=CUSTOM_FAST,OWNER_NOVA,!HW_PCI_LIVE_MIGRATABLE&requiredr-1=CUSTOM_FAST,OWNER_NOVA,!HW_PCI_LIVE_MIGRATABLE&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&resourcesr-0=CUSTOM_PCI_10DE_1DB4:1&resourcesr-1=CUSTOM_PCI_10DE_1DB4:1&${root}`,
  );
  expect(() => query({}, { pci: [{ ...gpu, specs: [...gpu.specs, ...gpu.specs] }] })).toThrow('exactly one kind of device');
  expect(() => query({}, { pci: [{ ...gpu, specs: [{ vendorId: '10de' }] }] })).toThrow('must name a resource class');
});

test('hosts that were never told which processors are dedicated are asked for VCPU', () => {
  const specs = withSpecs({ 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'require' });
  expect(query(specs, { pinning: false })).toBe(`limit=1000&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&${root}`);
});

test('a request that insists on a node asks for its tree', () => {
  expect(query({}, { inTree: 'node-1' })).toBe(`in_tree=node-1&limit=1000&resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&${root}`);
});

test('hints that name other servers, and hosts of many nodes, know no limit', () => {
  const unlimited = `resources=DISK_GB:20,MEMORY_MB:2048,VCPU:2&${root}`;
  expect(query({ groupId: 'g' })).toBe(unlimited);
  expect(query({ schedulerHints: { same_host: ['a'] } })).toBe(unlimited);
  expect(query({ schedulerHints: { different_host: ['a'] } })).toBe(unlimited);
  expect(query({}, { isManyNodes: true })).toBe(unlimited);
  expect(query({ schedulerHints: { query: ['[]'] } }, { settings: settingsOf('[scheduler]', 'max_placement_results = 5') })).toBe(
    `limit=5&${unlimited}`,
  );
});
