import type { AllocationCandidates } from '../../clients/placement.ts';
import type { ComputeNode } from '../../store/services.ts';
import type { HostCandidate, HostState } from './host-state.ts';
import type { HostView } from './host-view.ts';

/** The hosts placement offers, in its order, each with what it offers there. */
export function hostStates(
  view: HostView,
  offers: readonly AllocationCandidates[],
  { includes, defaultZone }: { readonly includes: (node: ComputeNode) => boolean; readonly defaultZone: string },
): HostState[] {
  const byRoot = new Map<string, { readonly state: HostState; readonly candidates: HostCandidate[] }>();
  for (const { candidates, summaries } of offers) {
    for (const candidate of candidates) {
      const node = nodeOf(view, candidate, summaries);
      if (node === undefined || !includes(node)) continue;
      const known = byRoot.get(node.uuid);
      if (known === undefined) {
        const own = [candidate];
        byRoot.set(node.uuid, { state: stateOf(view, node, summaries[node.uuid], own, defaultZone), candidates: own });
      } else known.candidates.push(candidate);
    }
  }
  return Array.from(byRoot.values(), ({ state }) => state);
}

/** The node a candidate belongs to: the root of one of its providers that is a node (others may be shared). */
function nodeOf(view: HostView, { allocations }: HostCandidate, summaries: AllocationCandidates['summaries']): ComputeNode | undefined {
  for (const provider in allocations) {
    const node = view.nodesByUuid.get(provider) ?? view.nodesByUuid.get(summaries[provider]?.rootProviderUuid ?? '');
    if (node !== undefined) return node;
  }
  return undefined;
}

/** A host as it is known apart from what is offered there. */
export function stateOf(
  view: HostView,
  node: ComputeNode,
  summary: AllocationCandidates['summaries'][string] | undefined,
  candidates: readonly HostCandidate[],
  defaultZone: string,
): HostState {
  const service = view.serviceOf.get(node.host);
  const resources = summary?.resources ?? {};
  const free = (resource: string): number => {
    const amount = resources[resource];
    return amount === undefined ? 0 : amount.capacity - amount.used;
  };
  const ratio = (resource: string, total: number): number => {
    const capacity = resources[resource]?.capacity;
    return capacity === undefined || total <= 0 ? 1 : Math.max(1, capacity / total);
  };
  const { facts } = node;
  return {
    host: node.host,
    node: node.name,
    nodeUuid: node.uuid,
    cellId: node.cellId,
    zone: view.zoneOf.get(node.host) ?? defaultZone,
    enabled: service !== undefined && !service.disabled,
    up: view.isUp(node.host),
    facts,
    aggregateMetadata: view.aggregateMetadataOf(node.host),
    ratios: { cpu: ratio('VCPU', facts.vcpus), memory: ratio('MEMORY_MB', facts.memoryMb) },
    freeMemoryMb: free('MEMORY_MB'),
    freeVcpus: free('VCPU'),
    freeDiskMb: free('DISK_GB') * 1024,
    instances: view.instancesOn(node.host),
    ioOps: view.ioOpsOn(node.host),
    remainder: view.remainderOf(node),
    candidates,
  };
}
