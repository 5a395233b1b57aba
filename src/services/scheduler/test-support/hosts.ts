import type { NodeFacts } from '../../../domain/hosts.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import type { Placing } from '../filters/filter.ts';
import type { HostCandidate, HostState } from '../host-state.ts';
import { requestSpec, settingsOf } from './request.ts';

export const factsOf = (changes: Partial<NodeFacts> = {}): NodeFacts => ({
  uuid: 'node-1',
  name: 'host-1',
  hypervisorType: 'QEMU',
  hypervisorVersion: 9_000_000,
  hostIp: '192.0.2.10',
  vcpus: 8,
  memoryMb: 16_384,
  localGb: 100,
  vcpusUsed: 0,
  memoryMbUsed: 512,
  localGbUsed: 0,
  diskAvailableLeast: null,
  runningVms: 0,
  cpuInfo: { arch: 'x86_64', model: 'Nehalem', features: ['vmx', 'sse'], maxphysaddr: { mode: 'emulate', bits: 42 } },
  supportedInstances: [['x86_64', 'qemu', 'hvm']],
  stats: {},
  ...changes,
});

export const candidateOf = (node: string, mappings: HostCandidate['mappings'] = { '': [node] }): HostCandidate => ({
  allocations: { [node]: { resources: { VCPU: 2, MEMORY_MB: 2048, DISK_GB: 20 } } },
  mappings,
});

/** A host that does for a small server, named after its number. */
export function hostState(changes: Partial<Omit<HostState, 'facts'>> & { readonly facts?: Partial<NodeFacts> } = {}): HostState {
  const { facts, ...own } = changes;
  const host = own.host ?? 'host-1';
  return {
    host,
    node: host,
    nodeUuid: `node of ${host}`,
    cellId: 'cell1',
    zone: 'nova',
    enabled: true,
    up: true,
    facts: factsOf({ name: host, ...facts }),
    aggregateMetadata: {},
    ratios: { cpu: 4, memory: 1 },
    freeMemoryMb: 15_872,
    freeDiskMb: 102_400,
    freeVcpus: 32,
    instances: 0,
    ioOps: 0,
    remainder: { numaTopology: null, pciPools: [] },
    candidates: [candidateOf(`node of ${host}`)],
    ...own,
  };
}

/** A request that is being placed, with these lines of configuration. */
export function placing(
  changes: Partial<Omit<Placing, 'spec' | 'settings'>> & { readonly spec?: Partial<RequestSpec>; readonly conf?: readonly string[] } = {},
): Placing {
  const { spec, conf = [], ...own } = changes;
  return {
    spec: requestSpec(spec),
    group: null,
    settings: settingsOf(...conf),
    topology: null,
    pciRequests: [],
    hintedHosts: new Map(),
    kept: new Map(),
    imagePropertiesOn: () => new Map(),
    ...own,
  };
}
