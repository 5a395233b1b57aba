import { describe, expect, test } from 'vitest';
import { guestTopologyOf } from '../../../domain/numa/guest-topology-of.ts';
import { plainHost } from '../../../domain/numa/testing/hosts.ts';
import type { PciPool } from '../../../domain/pci/pci-pool.ts';
import type { PciRequest } from '../../../domain/pci/pci-request.ts';
import { candidateOf, hostState, placing } from '../test-support/hosts.ts';
import { flavorOf, imageOf } from '../test-support/request.ts';
import { matchesExtraSpec } from './extra-spec-match.ts';
import { allFilters, filtersNamed } from './index.ts';

type Given = Parameters<typeof hostState>[0];
type Asked = Parameters<typeof placing>[0];

/** What a filter says of a host; it is not asked about what does not concern it. */
function verdict(name: string, host: Given, asked: Asked = {}): string {
  const filter = allFilters.find((one) => one.name === name)!;
  const what = placing(asked);
  if (filter.concerns?.(what) === false) return 'passes';
  const refusal = filter.check(hostState(host), what);
  return refusal === null ? 'passes' : `${refusal.constraint}: ${refusal.because}`;
}
const aggregate = (metadata: Record<string, readonly string[]>): Given => ({ aggregateMetadata: metadata });
const specs = (extraSpecs: Record<string, string>): Asked => ({ spec: { flavor: flavorOf(extraSpecs) } });
const properties = (values: Record<string, string>, conf: readonly string[] = []): Asked => ({ spec: { image: imageOf(values) }, conf });
const hints = (schedulerHints: Record<string, readonly string[]>, hosts: Record<string, string> = {}): Asked => ({
  spec: { schedulerHints },
  hintedHosts: new Map(Object.entries(hosts)),
});
const conf = (...lines: readonly string[]): Asked => ({ conf: ['[filter_scheduler]', ...lines] });

describe('names', () => {
  test('all of Nova’s filters are there, and the zones’ of older ones', () => {
    expect(allFilters.map(({ name }) => name).toSorted()).toEqual([
      'AggregateImagePropertiesIsolation', 'AggregateInstanceExtraSpecsFilter', 'AggregateIoOpsFilter', 'AggregateMultiTenancyIsolation',
      'AggregateNumInstancesFilter', 'AggregateTypeAffinityFilter', 'AllHostsFilter', 'AvailabilityZoneFilter', 'ComputeCapabilitiesFilter', 'ComputeFilter',
      'DifferentHostFilter', 'ImagePropertiesFilter', 'IoOpsFilter', 'IsolatedHostsFilter', 'JsonFilter', 'MetricsFilter', 'NUMATopologyFilter',
      'NumInstancesFilter', 'PciPassthroughFilter', 'SameHostFilter', 'ServerGroupAffinityFilter', 'ServerGroupAntiAffinityFilter',
      'SimpleCIDRAffinityFilter',
    ]); // prettier-ignore
  });
  test('enabled filters keep their order; an unknown or unavailable one ends the start', () => {
    expect(filtersNamed(['NumInstancesFilter', 'ComputeFilter']).map(({ name }) => name)).toEqual(['NumInstancesFilter', 'ComputeFilter']);
    expect(filtersNamed(['ComputeFilter'], ['nova.scheduler.filters.all_filters'])).toHaveLength(1);
    expect(filtersNamed(['ComputeFilter'], ['nova.scheduler.filters.compute_filter.ComputeFilter'])).toHaveLength(1);
    expect(() => filtersNamed(['RetryFilter'])).toThrow("there is no filter 'RetryFilter'; there are AggregateImagePropertiesIsolation,");
    expect(() => filtersNamed(['IoOpsFilter'], ['nova.scheduler.filters.compute_filter.ComputeFilter'])).toThrow(
      "the filter 'IoOpsFilter' is not among available_filters (ComputeFilter)",
    );
    expect(() => filtersNamed([], ['my.own.Filter'])).toThrow("available_filters: there is no filter 'my.own.Filter'");
  });
});

test.each<[string, string, boolean]>([
  ['8', '= 4', true], ['8', '= 9', false], ['8', '== 8', true], ['8', '!= 8', false], ['8', '!= x', false], ['8', '>= 8', true], ['8', '<= 7', false],
  ['', '<= 7', false], ['abc', 's== abc', true], ['abc', 's!= abc', false], ['b', 's> a', true], ['b', 's>= b', true], ['b', 's< a', false], ['b', 's<= b', true],
  ['abc', '<in> b', true], ['abc', '<in> d', false], ['sse vmx', '<all-in> vmx sse', true], ['sse', '<all-in> vmx sse', false],
  ['a', '<or> a <or> b', true], ['c', '<or> a <or> b', false], ['true', 'true', true], ['8', '< 9', false], ['8', '> 7', false],
])('%s matches the requirement %s: %s', (value, requirement, expected) => {
  expect(matchesExtraSpec(value, requirement)).toBe(expected);
}); // prettier-ignore

describe('hosts as they are', () => {
  test('AllHostsFilter', () => expect(verdict('AllHostsFilter', { enabled: false, up: false })).toBe('passes'));
  test('ComputeFilter', () => {
    expect(verdict('ComputeFilter', {})).toBe('passes');
    expect(verdict('ComputeFilter', { enabled: false })).toBe('disabled: its compute service is disabled');
    expect(verdict('ComputeFilter', { up: false })).toBe('down: its compute service is down');
  });
  test('AvailabilityZoneFilter', () => {
    expect(verdict('AvailabilityZoneFilter', { zone: 'az1' }, { spec: { availabilityZone: 'az1' } })).toBe('passes');
    expect(verdict('AvailabilityZoneFilter', { zone: 'az2' }, { spec: { availabilityZone: 'az1' } })).toBe(
      'in another zone: it is in zone az2, not az1',
    );
  });
  test('ComputeCapabilitiesFilter', () => {
    const asked = (extraSpecs: Record<string, string>) =>
      verdict('ComputeCapabilitiesFilter', { facts: { stats: { rack: '{"row": 7}' } } }, specs(extraSpecs));
    expect(
      asked({
        'capabilities:hypervisor_type': 's== QEMU',
        'capabilities:cpu_info:features': '<all-in> vmx sse',
        'capabilities:free_ram_mb': '>= 1024',
      }),
    ).toBe('passes');
    expect(asked({ 'capabilities:stats:rack:row': '7', 'capabilities:rack:row': '7' })).toBe('passes');
    expect(asked({ hypervisor_version: '>= 8000000', quota: 'is no attribute of hosts', 'quota:cpu': '1' })).toBe('passes');
    expect(asked({ hypervisor_version: '>= 10000000' })).toBe(
      'without a capability the flavor asks for: its hypervisor_version is 9000000, not >= 10000000',
    );
    expect(asked({ 'capabilities:gpu': 'yes' })).toBe('without a capability the flavor asks for: it does not say what its gpu is');
    expect(asked({ 'hw:maxphysaddr_bits': '42' })).toBe('passes');
    expect(asked({ 'hw:maxphysaddr_bits': '46' })).toBe(
      'without a capability the flavor asks for: its cpu_info:maxphysaddr:bits is 42, not >= 46',
    );
  });
  test('ImagePropertiesFilter', () => {
    const asked = (values: Record<string, string>, lines: readonly string[] = []) =>
      verdict('ImagePropertiesFilter', {}, properties(values, lines));
    expect(asked({ hw_architecture: 'amd64', img_hv_type: 'qemu', hw_vm_mode: 'hvm', img_hv_requested_version: '>=6.0,<10' })).toBe(
      'passes',
    );
    expect(asked({ hw_architecture: 'aarch64' })).toBe('unable to run the image: it does not offer architecture aarch64');
    expect(asked({ img_hv_type: 'xen', hw_vm_mode: 'hvm' })).toBe(
      'unable to run the image: it does not offer hypervisor type xen, vm mode hvm',
    );
    expect(asked({ img_hv_requested_version: '>=9.1' })).toBe(
      'of an unsuitable hypervisor version: its hypervisor version 9000000 is not >=9.1',
    );
    expect(asked({ hw_maxphysaddr_bits: '48' })).toBe('of too few address bits: its processors address 42 bits, not 48');
    expect(asked({}, ['[filter_scheduler]', 'image_properties_default_architecture = ppc64'])).toBe(
      'unable to run the image: it does not offer architecture ppc64',
    );
  });
  test('IsolatedHostsFilter', () => {
    const image = imageOf();
    const lines = ['isolated_hosts = host-1', `isolated_images = ${image.id}`];
    const asked = (host: string, id: string, ...more: readonly string[]) =>
      verdict('IsolatedHostsFilter', { host }, { spec: { image: imageOf({}, { id }) }, ...conf(...lines, ...more) });
    expect([asked('host-1', image.id), asked('host-2', 'other')]).toEqual(['passes', 'passes']);
    expect(asked('host-2', image.id)).toBe('not isolated, as the image must be: it is no isolated host');
    expect(asked('host-1', 'other')).toBe('kept for isolated images: it is an isolated host');
    expect(asked('host-1', 'other', 'restrict_isolated_hosts_to_isolated_images = false')).toBe('passes');
    expect(verdict('IsolatedHostsFilter', { host: 'host-1' }, conf('isolated_hosts = host-1'))).toBe(
      'kept for isolated images: it is an isolated host',
    );
  });
  test('MetricsFilter', () => {
    const asked = (metrics: Record<string, number>) =>
      verdict('MetricsFilter', { facts: { metrics } }, { conf: ['[metrics]', 'weight_setting = cpu.percent=-1.0, io=2'] });
    expect(asked({ 'cpu.percent': 1, io: 1 })).toBe('passes');
    expect(asked({ 'cpu.percent': 1 })).toBe('without a metric that is weighed: it does not report io');
  });
});

describe('load', () => {
  test('NumInstancesFilter', () => {
    expect(verdict('NumInstancesFilter', { instances: 49 })).toBe('passes');
    expect(verdict('NumInstancesFilter', { instances: 50 })).toBe('with as many servers as allowed: it has 50 servers of at most 50');
    expect(verdict('NumInstancesFilter', { instances: 2 }, conf('max_instances_per_host = 2'))).toContain('of at most 2');
  });
  test('AggregateNumInstancesFilter', () => {
    const limited = (values: readonly string[], instances: number) =>
      verdict('AggregateNumInstancesFilter', { instances, ...aggregate({ max_instances_per_host: values }) });
    expect(limited(['9', '3'], 3)).toBe('with as many servers as allowed: it has 3 servers of at most 3');
    expect([limited(['9', '3'], 2), limited(['many'], 49)]).toEqual(['passes', 'passes']);
  });
  test('IoOpsFilter', () => {
    expect(verdict('IoOpsFilter', { ioOps: 7 })).toBe('passes');
    expect(verdict('IoOpsFilter', { ioOps: 8 })).toBe('busy with as many operations as allowed: it is busy with 8 operations of at most 8');
  });
  test('AggregateIoOpsFilter', () => {
    expect(verdict('AggregateIoOpsFilter', { ioOps: 2, ...aggregate({ max_io_ops_per_host: ['2'] }) })).toContain('of at most 2');
    expect(verdict('AggregateIoOpsFilter', { ioOps: 2, ...aggregate({ max_io_ops_per_host: ['x'] }) })).toBe('passes');
  });
});

describe('aggregates', () => {
  test('AggregateImagePropertiesIsolation', () => {
    const windows = aggregate({ os_distro: ['windows'], custom: ['x'] });
    const asked = (host: Given, values: Record<string, string>, ...lines: readonly string[]) =>
      verdict('AggregateImagePropertiesIsolation', host, properties(values, ['[filter_scheduler]', ...lines]));
    expect([
      asked(windows, { os_distro: 'windows' }),
      asked(windows, { hw_disk_bus: 'ide' }),
      asked(windows, { custom: 'y', os_type: 'linux' }),
    ]).toEqual(['passes', 'passes', 'passes']);
    expect(asked(windows, { os_distro: 'linux' })).toBe('kept for other images: its aggregates want os_distro to be windows, not linux');
    const spaced = aggregate({ os_distro: ['windows'], 'iso.os_distro': ['linux'] });
    expect(asked(spaced, { os_distro: 'linux' }, 'aggregate_image_properties_isolation_namespace = iso')).toBe('passes');
  });
  test('AggregateInstanceExtraSpecsFilter', () => {
    const ssd = aggregate({ ssd: ['true'], cores: ['8', '16'] });
    const asked = (extraSpecs: Record<string, string>) => verdict('AggregateInstanceExtraSpecsFilter', ssd, specs(extraSpecs));
    expect(asked({ 'aggregate_instance_extra_specs:ssd': 'true', cores: '>= 16', 'hw:cpu_policy': 'dedicated' })).toBe('passes');
    expect(asked({ ssd: 'false' })).toBe('in no aggregate the flavor asks for: its aggregates say ssd is true, not false');
    expect(asked({ gpu: 'true' })).toBe('in no aggregate the flavor asks for: its aggregates do not say what gpu is');
  });
  test('AggregateMultiTenancyIsolation', () => {
    const asked = (metadata: Record<string, readonly string[]>) => verdict('AggregateMultiTenancyIsolation', aggregate(metadata));
    expect([asked({}), asked({ filter_tenant_id: ['p9'], filter_tenant_id2: ['project-1'] })]).toEqual(['passes', 'passes']);
    expect(asked({ filter_tenant_id: ['p9'] })).toBe('kept for other projects: its aggregates are for other projects');
  });
  test('AggregateTypeAffinityFilter', () => {
    expect(verdict('AggregateTypeAffinityFilter', aggregate({ instance_type: ['m1.tiny', 'm1.small'] }))).toBe('passes');
    expect(verdict('AggregateTypeAffinityFilter', aggregate({ instance_type: ['m1.tiny'] }))).toBe(
      'kept for other flavors: its aggregates are for m1.tiny',
    );
  });
});

describe('hints', () => {
  test('DifferentHostFilter', () => {
    expect(verdict('DifferentHostFilter', {}, hints({ different_host: ['a', 'b'] }, { a: 'host-2' }))).toBe('passes');
    expect(verdict('DifferentHostFilter', {}, hints({ different_host: ['a', 'b'] }, { b: 'host-1' }))).toBe(
      'with a server this one must not be beside: it runs a server of the hint different_host',
    );
  });
  test('SameHostFilter', () => {
    expect(verdict('SameHostFilter', {}, hints({ same_host: ['a', 'b'] }, { b: 'host-1' }))).toBe('passes');
    expect(verdict('SameHostFilter', {}, hints({ same_host: ['a'] }, { a: 'host-2' }))).toBe(
      'without a server this one must be beside: it runs no server of the hint same_host',
    );
  });
  test('SimpleCIDRAffinityFilter', () => {
    const asked = (ip: string, cidr?: string) =>
      verdict('SimpleCIDRAffinityFilter', {}, hints({ build_near_host_ip: [ip], ...(cidr === undefined ? {} : { cidr: [cidr] }) }));
    expect([asked('192.0.2.200'), asked('192.0.9.1', '/16')]).toEqual(['passes', 'passes']);
    expect(asked('192.0.3.1')).toBe('in another network of hosts: its address is not in 192.0.3.1/24');
    expect(asked('nonsense')).toContain('in another network of hosts');
  });
  test('JsonFilter', () => {
    const asked = (query: unknown) =>
      verdict('JsonFilter', {}, hints({ query: [typeof query === 'string' ? query : JSON.stringify(query)] }));
    expect(
      asked(['and', ['>=', '$free_ram_mb', 1024], ['in', '$host', 'host-1', 'host-2'], ['not', ['=', '$hypervisor_type', 'xen']]]),
    ).toBe('passes');
    expect(asked(['or', ['<', '$free_ram_mb', 1], ['=', '$cpu_info.arch', 'x86_64']])).toBe('passes');
    expect(asked([])).toBe('passes');
    expect(asked(['<=', '$free_disk_mb', 1])).toBe('refused by the hint query: the hint query is not true of it');
    expect(asked(['=', '$no_such_attribute', 1])).toContain('refused by the hint query');
    expect(asked(['constructor', 1])).toContain('refused by the hint query');
    expect(asked('{')).toBe('not comparable by the hint query: the hint query is no JSON');
  });
});

describe('server groups', () => {
  const group = (policy: 'affinity' | 'anti-affinity', memberHosts: string[], maxServerPerHost = 1): Asked => ({
    group: { id: 'g', policy, memberHosts, maxServerPerHost },
  });
  test('ServerGroupAffinityFilter', () => {
    expect(verdict('ServerGroupAffinityFilter', {}, group('affinity', []))).toBe('passes');
    expect(verdict('ServerGroupAffinityFilter', {}, group('affinity', ['host-1']))).toBe('passes');
    expect(verdict('ServerGroupAffinityFilter', {}, group('affinity', ['host-2']))).toBe(
      'away from the other servers of the group: the servers of the group are elsewhere',
    );
  });
  test('ServerGroupAntiAffinityFilter', () => {
    expect(verdict('ServerGroupAntiAffinityFilter', {}, group('anti-affinity', ['host-2', 'host-2']))).toBe('passes');
    expect(verdict('ServerGroupAntiAffinityFilter', {}, group('anti-affinity', ['host-1'], 2))).toBe('passes');
    expect(verdict('ServerGroupAntiAffinityFilter', {}, group('anti-affinity', ['host-1']))).toBe(
      'taken by another server of the group: it runs 1 servers of the group, of at most 1',
    );
  });
});

describe('devices and layouts', () => {
  const pool = (changes: Partial<PciPool>): PciPool => ({
    vendorId: '10de',
    productId: '1db4',
    deviceType: 'type-PCI',
    numaNode: 0,
    trusted: false,
    remoteManaged: false,
    liveMigratable: false,
    managed: true,
    oneTimeUse: false,
    resourceClass: null,
    traits: [],
    providerUuid: null,
    devices: ['0000:81:00.0'],
    ...changes,
  });
  const gpu: PciRequest = { id: 'r', count: 1, specs: [{ vendorId: '10de' }], alias: 'gpu', portId: null, numaPolicy: 'required' };
  const dedicated = guestTopologyOf({ flavor: { vcpus: 2, memoryMb: 1024, extraSpecs: { 'hw:cpu_policy': 'dedicated' } }, image: null });
  const required = guestTopologyOf({
    flavor: { vcpus: 2, memoryMb: 1024, extraSpecs: { 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'require' } },
    image: null,
  });

  test('PciPassthroughFilter', () => {
    expect(verdict('PciPassthroughFilter', {})).toBe('passes');
    expect(verdict('PciPassthroughFilter', { remainder: { numaTopology: null, pciPools: [pool({})] } }, { pciRequests: [gpu] })).toBe(
      'passes',
    );
    expect(verdict('PciPassthroughFilter', {}, { pciRequests: [gpu] })).toBe(
      'without the PCI devices that are asked for: it has not 1 of gpu free',
    );
  });
  test('PciPassthroughFilter keeps the candidates whose providers have the devices', () => {
    const what = placing({ pciRequests: [gpu], conf: ['[filter_scheduler]', 'pci_in_placement = true'] });
    const [here, there] = [candidateOf('n', { 'r-0': ['p1'] }), candidateOf('n', { 'r-0': ['p2'] })];
    const host = hostState({ candidates: [there, here], remainder: { numaTopology: null, pciPools: [pool({ providerUuid: 'p1' })] } });
    expect(allFilters.find(({ name }) => name === 'PciPassthroughFilter')!.check(host, what)).toBeNull();
    expect(what.kept.get(host.nodeUuid)).toEqual([here]);
  });
  test('NUMATopologyFilter', () => {
    const numaTopology = plainHost({}, {});
    expect(verdict('NUMATopologyFilter', {})).toBe('passes');
    expect(verdict('NUMATopologyFilter', {}, { topology: dedicated })).toBe(
      'without NUMA nodes the server fits on: it does not say what NUMA nodes it has',
    );
    expect(verdict('NUMATopologyFilter', { remainder: { numaTopology, pciPools: [] } }, { topology: dedicated })).toBe('passes');
    expect(verdict('NUMATopologyFilter', { remainder: { numaTopology, pciPools: [] } }, { topology: required })).toBe(
      'without NUMA nodes the server fits on: its cores have no threads',
    );
    const full = plainHost({ pinnedCpus: [0, 1, 2] }, { pinnedCpus: [4, 5, 6] });
    expect(verdict('NUMATopologyFilter', { remainder: { numaTopology: full, pciPools: [] } }, { topology: dedicated })).toBe(
      'without NUMA nodes the server fits on: it has 1 free dedicated processors, of 2',
    );
  });
  test('NUMATopologyFilter wants devices near the nodes it chooses', () => {
    const near = { remainder: { numaTopology: plainHost({ pinnedCpus: [0, 1, 2] }, {}), pciPools: [pool({ numaNode: 0 })] } };
    expect(verdict('NUMATopologyFilter', near, { topology: dedicated, pciRequests: [gpu] })).toBe(
      'without NUMA nodes the server fits on: it has 1 free dedicated processors, of 2',
    );
    const far = { remainder: { numaTopology: plainHost({}, {}), pciPools: [pool({ numaNode: 9 })] } };
    expect(verdict('NUMATopologyFilter', far, { topology: dedicated, pciRequests: [gpu] })).toBe(
      'without NUMA nodes the server fits on: its PCI devices are not near enough',
    );
  });
});
