import type { Allocations } from '../../clients/placement.ts';
import type { Settings } from '../../config/index.ts';
import { asideKey, type GuestHolding } from '../../domain/guest-holding.ts';
import type { GuestOrder } from '../../domain/guest-order.ts';
import type { NodeFacts } from '../../domain/hosts.ts';
import { fitTopology } from '../../domain/numa/fit-topology.ts';
import type { GuestTopology } from '../../domain/numa/guest-topology.ts';
import { guestTopologyOf } from '../../domain/numa/guest-topology-of.ts';
import type { HostTopology } from '../../domain/numa/host-topology.ts';
import { hostWith } from '../../domain/numa/host-usage.ts';
import { withUsableCpus } from '../../domain/numa/usable-cpus.ts';
import { poolsOf, readDeviceSpecs, type PciDevice } from '../../domain/pci/device-spec.ts';
import { pciRequestsOf, readPciAliases } from '../../domain/pci/pci-aliases.ts';
import { resourceClassOf, type PciPool } from '../../domain/pci/pci-pool.ts';
import { pciProvidersOf, type PciProvider } from '../../domain/pci/pci-providers.ts';
import type { PciRequest } from '../../domain/pci/pci-request.ts';
import { devicesByNode, takePciDevices, type PciPlacing } from '../../domain/pci/satisfy-requests.ts';
import { conflict } from '../../lib/errors.ts';
import { cpuSetsOf } from './cpu-sets.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { namedNodeIdentity, type NodeIdentity } from './node-identity.ts';

/** Who has which processors, pages and devices of a host. The only place where they are given out. */
export interface Holdings {
  /** What the guest of an order is to have: what it has already, where that is what it asks for. Null where it asks for nothing. */
  claim(order: Pick<GuestOrder, 'instanceId' | 'flavor' | 'imageProperties'>): Promise<GuestHolding | null>;
  /** Cards and devices that placement is to count; none where it is not to. */
  pciProviders(): Promise<readonly (PciProvider & { readonly taken: number })[]>;
  /** The guest is gone. */
  release(instanceId: string): void;
  /** What is left, as the scheduler is told. */
  facts(): Promise<Pick<NodeFacts, 'numaTopology' | 'pciPools'>>;
  /** Called when there is more or less than before. */
  onChange(listener: () => void): void;
}

interface Remainder {
  readonly topology: HostTopology | null;
  readonly pools: readonly PciPool[];
}

export interface HoldingsDeps {
  readonly driver: Pick<HypervisorDriver, 'layout'>;
  readonly settings: Settings;
  readonly node: NodeIdentity;
  /** What placement has given an instance, by provider. */
  readonly allocationsOf: (instanceId: string) => Promise<Allocations>;
}

export function openHoldings({ driver, settings, node, allocationsOf }: HoldingsDeps): Holdings {
  const { layout } = driver;
  const specs = readDeviceSpecs(settings.pci.device_spec);
  const aliases = readPciAliases(settings.pci.alias);
  const sets = cpuSetsOf(settings);
  /** Given out, and not yet seen at a guest. */
  const pending = new Map<string, GuestHolding>();
  /** Guests that have had something. */
  const holders = new Set<string>();
  let changed: () => void = () => undefined;
  let last: Promise<unknown> = Promise.resolve();

  const heldNow = async (): Promise<Map<string, GuestHolding>> => {
    const held = new Map(await layout?.held());
    for (const [id, holding] of pending) {
      if (JSON.stringify(held.get(id)) === JSON.stringify(holding)) pending.delete(id);
      else held.set(id, holding);
    }
    for (const id of held.keys()) holders.add(id);
    return held;
  };
  const providersIn = (devices: readonly PciDevice[]): readonly PciProvider[] =>
    settings.pci.report_in_placement ? pciProvidersOf(node.name, devices, specs, (name) => namedNodeIdentity(node.uuid, name).uuid) : [];
  /** Providers placement has chosen for each request, one for each device; null where it has chosen none. */
  const choiceOf = async (id: string, requests: readonly PciRequest[]): Promise<PciPlacing['providersOf']> => {
    if (!settings.pci.report_in_placement || requests.length === 0) return () => null;
    const own = new Map(
      providersIn((await layout?.hardware())?.pciDevices ?? []).map((provider) => [provider.uuid, provider.resourceClass]),
    );
    const chosen = Object.entries(await allocationsOf(id)).flatMap(([uuid, { resources }]) => {
      const resourceClass = own.get(uuid);
      return resourceClass === undefined ? [] : Array.from({ length: resources[resourceClass] ?? 0 }, () => ({ uuid, resourceClass }));
    });
    if (chosen.length === 0) return () => null;
    const byRequest = new Map(requests.map((request) => [request.id, takeChosen(chosen, request)]));
    return ({ id: request }) => byRequest.get(request) ?? [];
  };
  const remainderOf = async (held: Iterable<GuestHolding>): Promise<Remainder> => {
    const hardware = await layout?.hardware();
    if (hardware === undefined) return { topology: null, pools: [] };
    const taken = new Set<string>();
    let topology = hardware.numaTopology === null ? null : withUsableCpus(hardware.numaTopology, sets);
    for (const holding of held) {
      for (const address of holding.pciDevices) taken.add(address);
      if (topology !== null && holding.topology !== null) topology = hostWith(topology, holding.topology);
    }
    const providers = new Map(
      providersIn(hardware.pciDevices).flatMap(({ uuid, devices }) => devices.map((address) => [address, uuid] as const)),
    );
    return { topology, pools: poolsOf(hardware.pciDevices, specs, taken, (address) => providers.get(address) ?? null) };
  };
  const give = async (id: string, topology: GuestTopology | null, requests: readonly PciRequest[]): Promise<GuestHolding | null> => {
    const held = await heldNow();
    const own = held.get(id) ?? held.get(asideKey(id));
    if (own !== undefined && isWhatIsAsked(own, topology, requests)) return own;
    held.delete(id);
    const holding = fit(await remainderOf(held.values()), { topology, requests, providersOf: await choiceOf(id, requests) }, settings);
    if (holding.topology === null && holding.pciDevices.length === 0) return null; // a host that does not know its nodes lets everybody float
    pending.set(id, holding);
    holders.add(id);
    changed();
    return holding;
  };

  return {
    async claim({ instanceId, flavor, imageProperties }) {
      if (layout === undefined) return null;
      const wishes = { flavor, image: { properties: imageProperties } };
      const topology = guestTopologyOf(wishes);
      const requests = pciRequestsOf(wishes, aliases, String);
      if (topology === null && requests.length === 0) return null;
      const given = last.then(
        () => give(instanceId, topology, requests),
        () => give(instanceId, topology, requests),
      );
      last = given;
      return given;
    },
    async pciProviders() {
      if (layout === undefined || !settings.pci.report_in_placement) return [];
      const taken = new Set([...(await heldNow()).values()].flatMap(({ pciDevices }) => pciDevices));
      return providersIn((await layout.hardware()).pciDevices).map((provider) => ({
        ...provider,
        taken: provider.devices.filter((address) => taken.has(address)).length,
      }));
    },
    release(instanceId) {
      pending.delete(instanceId);
      if (holders.delete(instanceId)) changed();
    },
    async facts() {
      if (layout === undefined) return {};
      const { topology, pools } = await remainderOf((await heldNow()).values());
      return { ...(topology === null ? {} : { numaTopology: topology }), ...(pools.length === 0 ? {} : { pciPools: pools }) };
    },
    onChange: (listener) => void (changed = listener),
  };
}

/** Whether a guest asks for no other layout and as many devices as it has: one that is started again stays where it is. */
function isWhatIsAsked({ topology: has, pciDevices }: GuestHolding, asked: GuestTopology | null, requests: readonly PciRequest[]): boolean {
  const shape = (topology: GuestTopology | null): string =>
    topology === null
      ? ''
      : JSON.stringify([
          topology.cells.map(({ id, cpus, pinnedCpus, memoryMb }) => [id, cpus, pinnedCpus, memoryMb]),
          topology.cpuPolicy,
          topology.cpuThreadPolicy,
          topology.emulatorThreads,
          topology.pageSize,
        ]);
  return shape(has) === shape(asked) && pciDevices.length === requests.reduce((sum, { count }) => sum + count, 0);
}

const unavailableHere = (why: string) => conflict(`Insufficient compute resources: ${why}.`, { code: 'ComputeResourcesUnavailable' });

/** Takes out of what was chosen one provider for each device of a request, by its resource class. */
function takeChosen(chosen: { readonly uuid: string; readonly resourceClass: string }[], { count, specs }: PciRequest): readonly string[] {
  const classes = new Set(
    specs.map(
      (spec) =>
        spec.resourceClass ?? resourceClassOf({ resourceClass: null, vendorId: spec.vendorId ?? '', productId: spec.productId ?? '' }),
    ),
  );
  const taken: string[] = [];
  while (taken.length < count) {
    const index = chosen.findIndex(({ resourceClass }) => classes.has(resourceClass));
    if (index < 0) break;
    taken.push(...chosen.splice(index, 1).map(({ uuid }) => uuid));
  }
  return taken;
}

interface Wanted {
  readonly topology: GuestTopology | null;
  readonly requests: readonly PciRequest[];
  readonly providersOf: PciPlacing['providersOf'];
}

/** The same fitting as the scheduler's, for good. */
function fit({ topology: host, pools }: Remainder, { topology: guest, requests, providersOf }: Wanted, settings: Settings): GuestHolding {
  const take = (hostCells: readonly number[] | null) => takePciDevices(pools, requests, { hostCells, topology: host, providersOf });
  let topology: GuestHolding['topology'] = null;
  if (guest !== null && host !== null) {
    const result = fitTopology(host, guest, {
      limits: null, // how far memory and processors are overcommitted is placement's business
      packing: settings.compute.packing_host_numa_cells_allocation_strategy,
      pciDevices: devicesByNode(pools),
      wantsPci: requests.length > 0,
      pciFits: (cells) => 'pools' in take(cells),
      network: { physnets: [], tunneled: false },
    });
    if ('because' in result)
      throw unavailableHere(`requested instance NUMA topology cannot fit the given host NUMA topology (${result.because})`);
    topology = result.fitted;
  }
  const devices = take(topology?.cells.map(({ hostCell }) => hostCell) ?? null);
  if (!('pools' in devices)) throw unavailableHere(`${devices.count} of the PCI devices '${devices.alias ?? devices.id}' are not free`);
  return { topology, pciDevices: devices.devices.map(({ address }) => address) };
}
