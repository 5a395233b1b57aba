import type { HostTopology } from '../numa/host-topology.ts';
import { resourceClassOf, type PciPool } from './pci-pool.ts';
import type { PciNumaPolicy, PciRequest, PciRequestSpec } from './pci-request.ts';

export interface PciPlacing {
  /** Nodes of the host the guest is on; null for a guest without a layout. */
  readonly hostCells: readonly number[] | null;
  readonly topology: HostTopology | null;
  /** Providers placement chose for a request, one for each device; null where it was not asked. */
  readonly providersOf: (request: PciRequest) => readonly string[] | null;
}

/** What is left of the pools, and which devices each request gets. */
export interface PciOutcome {
  readonly pools: readonly PciPool[];
  readonly devices: readonly { readonly requestId: string; readonly address: string }[];
}

/** Takes devices for all requests, or answers the one that cannot be satisfied. */
export function takePciDevices(pools: readonly PciPool[], requests: readonly PciRequest[], placing: PciPlacing): PciOutcome | PciRequest {
  let left = pools;
  const devices: { requestId: string; address: string }[] = [];
  for (const request of requests) {
    const suited = poolsFor(left, request, placing);
    const taken = suited === null ? null : take(suited, request, placing);
    if (taken === null) return request;
    devices.push(...taken.map((address) => ({ requestId: request.id, address })));
    const gone = new Set(taken);
    left = left
      .map((pool) => ({ ...pool, devices: pool.devices.filter((address) => !gone.has(address)) }))
      .filter((pool) => pool.devices.length > 0);
  }
  return { pools: left, devices };
}

/** Pools a request may take devices from, the best first; null when they do not hold enough, in Nova's order. */
function poolsFor(pools: readonly PciPool[], request: PciRequest, placing: PciPlacing): readonly PciPool[] | null {
  const { specs, count } = request;
  const enough = (some: readonly PciPool[]): readonly PciPool[] | null =>
    some.reduce((sum, { devices }) => sum + devices.length, 0) >= count ? some : null;
  const asksFor = (deviceType: string): boolean => specs.some((spec) => spec.deviceType === deviceType);
  const matching = enough(pools.filter((pool) => specs.some((spec) => matches(pool, spec))));
  const near = matching === null ? null : enough(nearEnough(matching, request.numaPolicy, count, placing));
  const providers = placing.providersOf(request);
  return near === null
    ? null
    : enough(
        near.filter(
          (pool) =>
            (pool.deviceType !== 'type-PF' || asksFor('type-PF')) &&
            (pool.deviceType !== 'vdpa' || asksFor('vdpa')) &&
            (!pool.remoteManaged || specs.some(({ remoteManaged }) => remoteManaged === true)) &&
            (providers === null || (pool.providerUuid !== null && providers.includes(pool.providerUuid))) &&
            specs.every(({ liveMigratable }) => liveMigratable === undefined || liveMigratable === pool.liveMigratable),
        ),
      );
}

function take(pools: readonly PciPool[], request: PciRequest, placing: PciPlacing): readonly string[] | null {
  const providers = placing.providersOf(request);
  if (providers === null) return pools.flatMap(({ devices }) => devices).slice(0, request.count);
  // one device of each provider placement has counted
  const used = new Set<string>();
  for (const provider of providers) {
    const address = pools.filter(({ providerUuid }) => providerUuid === provider).flatMap(({ devices }) => devices).find((one) => !used.has(one)); // prettier-ignore
    if (address === undefined) return null;
    used.add(address);
  }
  return used.size < request.count ? null : [...used];
}

function matches(pool: PciPool, spec: PciRequestSpec): boolean {
  const same = <T>(wanted: T | undefined, has: T): boolean => wanted === undefined || wanted === has;
  return (
    same(spec.vendorId, pool.vendorId) &&
    same(spec.productId, pool.productId) &&
    same(spec.deviceType, pool.deviceType) &&
    same(spec.physicalNetwork, pool.physicalNetwork) &&
    (spec.trusted !== true || pool.trusted) &&
    (spec.remoteManaged !== true || pool.remoteManaged) &&
    same(spec.resourceClass, resourceClassOf(pool)) &&
    (spec.traits ?? []).every((trait) => pool.traits.includes(trait))
  );
}

/** Pools that are near enough to the nodes of the guest, the nearest first. */
function nearEnough(pools: readonly PciPool[], policy: PciNumaPolicy, count: number, placing: PciPlacing): readonly PciPool[] {
  const { hostCells, topology } = placing;
  if (hostCells === null) return pools;
  const holds = (some: readonly PciPool[]): boolean => some.reduce((sum, { devices }) => sum + devices.length, 0) >= count;
  const near = pools.filter(({ numaNode }) => numaNode !== null && hostCells.includes(numaNode));
  if (policy === 'required' || holds(near)) return near;
  const unknown = pools.filter(({ numaNode }) => numaNode === null);
  if (policy === 'legacy') return [...near, ...unknown];
  if (policy === 'preferred') {
    const some = [...near, ...unknown];
    return holds(some) ? some : [...some, ...pools.filter((pool) => !some.includes(pool))];
  }
  const socketOf = new Map((topology?.cells ?? []).map(({ id, socket }) => [id, socket]));
  if (socketOf.size === 0 || [...socketOf.values()].includes(null)) return [];
  const sockets = new Set(hostCells.map((id) => socketOf.get(id)));
  return pools.filter(({ numaNode }) => numaNode !== null && sockets.has(socketOf.get(numaNode)));
}

/** Free devices on each NUMA node. */
export function devicesByNode(pools: readonly PciPool[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { numaNode, devices } of pools) if (numaNode !== null) counts.set(numaNode, (counts.get(numaNode) ?? 0) + devices.length);
  return counts;
}
