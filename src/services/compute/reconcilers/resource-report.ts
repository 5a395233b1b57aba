import type { Inventory } from '../../../clients/placement.ts';
import type { NodeFacts } from '../../../domain/hosts.ts';
import { pciProviderTrait } from '../../../domain/pci/pci-providers.ts';
import { invalid, isKind } from '../../../lib/errors.ts';
import { retry } from '../../../lib/retry.ts';
import type { ComputeHost } from '../compute-host.ts';
import type { HostInventory } from '../drivers/driver.ts';
import type { KeptAdditions } from '../kept-additions.ts';
import type { ProviderAddition, ProviderConfig } from '../provider-config.ts';
import { providerInventories, providerTraits } from '../provider-report.ts';

type Inventories = Readonly<Record<string, Inventory>>;

/** Files of the operator, and what earlier starts took from them. */
export interface ReportedAdditions {
  readonly config: ProviderConfig;
  readonly kept: KeptAdditions;
}

/** Keeps placement and the conductor in agreement with what the host has. One scan looks at the whole; nothing is sent that is known already. */
export type ResourceReport = () => Promise<Readonly<Record<string, unknown>>>;

export interface ResourceReportOptions {
  /** What the operator's files add; nothing when left out. */
  readonly additions?: ReportedAdditions;
  /** How many scans may pass, while the host stays the same, before placement is read again. 1 reads it each time. */
  readonly readEvery: number;
}

export function resourceReport(host: ComputeHost, { readEvery, additions }: ResourceReportOptions): ResourceReport {
  let scans = 0;
  let reported: string | null = null;
  let told: string | null = null;
  return async () => {
    const inventory = await host.driver.inventory();
    const pci = await host.holdings.pciProviders();
    const shape = JSON.stringify([inventory.vcpus, inventory.memoryMb, inventory.localGb, inventory.traits, pci]);
    const due = scans++ % readEvery === 0 || shape !== reported;
    const results = await Promise.allSettled([
      due
        ? toPlacement(host, inventory, additions)
            .then(() => pciToPlacement(host, pci))
            .then(() => void (reported = shape))
        : undefined,
      (async () => {
        const facts = nodeFacts(host, inventory, await host.holdings.facts());
        const text = JSON.stringify(facts);
        if (text === told) return;
        await host.conductor.nodesReported({ host: host.host, nodes: [facts] });
        told = text;
      })(),
    ]);
    for (const result of results) {
      if (result.status === 'rejected') {
        scans = 0;
        throw result.reason;
      }
    }
    return { vcpus: inventory.vcpus, memoryMb: inventory.memoryMb, localGb: inventory.localGb, runningVms: inventory.runningVms };
  };
}

/** What the conductor keeps of the node. */
export function nodeFacts(
  { node, settings, outcomes }: Pick<ComputeHost, 'node' | 'settings' | 'outcomes'>,
  inventory: HostInventory,
  left: Pick<NodeFacts, 'numaTopology' | 'pciPools'>,
): NodeFacts {
  const { hostname: _, traits: __, ...facts } = inventory;
  const { reserved_host_memory_mb: reservedMb, reserved_host_disk_mb: reservedDiskMb } = settings.DEFAULT;
  return {
    ...facts,
    uuid: node.uuid,
    name: node.name,
    hostIp: settings.DEFAULT.my_ip,
    // as Nova counts: what the host keeps for itself is used
    memoryMbUsed: inventory.memoryMbUsed + reservedMb,
    localGbUsed: inventory.localGbUsed + Math.ceil(reservedDiskMb / 1024),
    stats: outcomes.failures > 0 ? { failed_builds: outcomes.failures } : {},
    ...left,
  };
}

interface AddedTo {
  readonly uuid: string;
  readonly added: ProviderAddition;
  readonly kept: KeptAdditions | undefined;
}

type WantedOf = (
  inventories: Inventories,
  traits: readonly string[],
) => { readonly inventories: Inventories; readonly traits: readonly string[] };

const noAddition: ProviderAddition = { inventories: {}, traits: [] };

/** Brings inventories and traits of the node's provider to what they must be, and those that files name below it. */
async function toPlacement(host: ComputeHost, inventory: HostInventory, additions: ReportedAdditions | undefined): Promise<void> {
  const { placement } = host.clients;
  const session = host.identity.serviceSession;
  const { uuid, name } = host.node;
  await placement.ensureProvider(session, { uuid, name });
  const added = additions?.config.additionFor({ uuid, name, isNode: true }) ?? noAddition;
  await bring(host, { uuid, added, kept: additions?.kept }, (inventories, traits) => ({
    inventories: providerInventories(inventory, host.settings, inventories, host.driver.layout !== undefined),
    traits: providerTraits(inventory.traits, traits),
  }));
  if (additions?.config.namesOthers !== true) return;
  for (const other of await placement.providers(session, { in_tree: uuid })) {
    if (other.uuid === uuid) continue;
    const its = additions.config.additionFor({ uuid: other.uuid, name: other.name, isNode: false });
    await bring(host, { uuid: other.uuid, added: its, kept: additions.kept }, (inventories, traits) => ({ inventories, traits }));
  }
}

/** Has a provider below the node for each card or device placement is to count, and none for those that are gone. */
async function pciToPlacement(host: ComputeHost, providers: Awaited<ReturnType<ComputeHost['holdings']['pciProviders']>>): Promise<void> {
  if (!host.settings.pci.report_in_placement || host.driver.layout === undefined) return;
  const { placement } = host.clients;
  const session = host.identity.serviceSession;
  const { uuid: root, name: rootName } = host.node;
  await placement.ensureResourceClasses(
    session,
    [...new Set(providers.map(({ resourceClass }) => resourceClass))].filter((name) => name.startsWith('CUSTOM_')),
  );
  await placement.ensureTraits(
    session,
    [...new Set(providers.flatMap(({ traits }) => traits))].filter((name) => name.startsWith('CUSTOM_')),
  );
  for (const { uuid, name, resourceClass, traits, devices, taken, oneTimeUse } of providers) {
    await placement.ensureProvider(session, { uuid, name, parentProviderUuid: root });
    await bring(host, { uuid, added: noAddition, kept: undefined }, (inventories) => {
      const total = devices.length;
      const used = oneTimeUse && (taken > 0 || inventories[resourceClass]?.reserved === total);
      return {
        inventories: {
          [resourceClass]: { total, reserved: used ? total : 0, minUnit: 1, maxUnit: total, stepSize: 1, allocationRatio: 1 },
        },
        traits,
      };
    });
  }
  const wanted = new Set(providers.map(({ uuid }) => uuid));
  for (const { uuid, name } of await placement.providers(session, { in_tree: root })) {
    if (uuid === root || wanted.has(uuid) || !name.startsWith(`${rootName}_`)) continue;
    const { traits } = await placement.traits(session, uuid);
    if (!traits.includes(pciProviderTrait)) continue;
    await placement.deleteProvider(session, uuid).catch((error: unknown) => {
      if (!isKind(error, 'conflict')) throw error;
      host.log.warn({ err: error, provider: uuid, name }, 'a PCI device that is gone is still used by a server');
    });
  }
}

/** PCI devices that placement once counted cannot be forgotten again: servers hold allocations of them. */
export async function refuseForgettingPci({ settings, driver, clients, identity, node, log }: ComputeHost): Promise<void> {
  if (settings.pci.report_in_placement || driver.layout === undefined) return;
  const { placement } = clients;
  const session = identity.serviceSession;
  const below = await placement.providers(session, { in_tree: node.uuid }).catch((error: unknown) => {
    if (!isKind(error, 'unavailable')) throw error;
    log.info({ err: error }, 'placement does not say whether PCI devices were reported before');
    return [];
  });
  for (const { uuid } of below) {
    if (uuid === node.uuid) continue;
    const { traits } = await placement.traits(session, uuid);
    if (traits.includes(pciProviderTrait)) throw invalid('[pci] report_in_placement was true before and cannot be turned off again.');
  }
}

/** Brings one provider to what is wanted of it and what files add; a write of somebody else in between means another look. */
async function bring(host: ComputeHost, { uuid, added, kept }: AddedTo, wantedOf: WantedOf): Promise<void> {
  const { placement } = host.clients;
  const session = host.identity.serviceSession;
  const names = { classes: Object.keys(added.inventories), traits: added.traits };
  if (names.classes.length > 0) await placement.ensureResourceClasses(session, names.classes);
  if (names.traits.length > 0) await placement.ensureTraits(session, names.traits);
  const before = kept?.of(uuid) ?? { classes: [], traits: [] };
  const write = (forgotten: readonly string[]): Promise<void> =>
    retry(
      async () => {
        const [{ generation, inventories }, { traits }] = await Promise.all([
          placement.inventories(session, uuid),
          placement.traits(session, uuid),
        ]);
        const wanted = wantedOf(
          Object.fromEntries(Object.entries(inventories).filter(([name]) => !forgotten.includes(name))),
          traits.filter((trait) => !before.traits.includes(trait)),
        );
        const wantedInventories = { ...wanted.inventories, ...added.inventories };
        const wantedTraits = [...new Set([...wanted.traits, ...added.traits])];
        let current = generation;
        if (!sameInventories(inventories, wantedInventories))
          current = await placement.setInventories(session, uuid, current, wantedInventories);
        if (!sameNames(traits, wantedTraits)) await placement.setTraits(session, uuid, current, wantedTraits);
      },
      {
        clock: host.clock,
        attempts: 5,
        delayMs: 50,
        when: (error) => isKind(error, 'conflict') && error.code === 'placement.concurrent_update',
      },
    );
  const gone = before.classes.filter((name) => !names.classes.includes(name));
  try {
    await write(before.classes);
    kept?.keep(uuid, names);
  } catch (error) {
    if (gone.length === 0 || !isKind(error, 'conflict') || error.code !== 'placement.inventory.inuse') throw error;
    host.log.warn({ err: error, provider: uuid, classes: gone }, 'what was taken out of the provider configuration is still used');
    await write([]);
    kept?.keep(uuid, { classes: [...names.classes, ...gone], traits: names.traits });
  }
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && new Set([...some, ...others]).size === some.length;

const sameInventories = (some: Readonly<Record<string, Inventory>>, others: Readonly<Record<string, Inventory>>): boolean =>
  sameNames(Object.keys(some), Object.keys(others)) &&
  Object.entries(some).every(([name, inventory]) => {
    const other = others[name]!;
    return (Object.keys(other) as (keyof Inventory)[]).every((key) => inventory[key] === other[key]);
  });
