import type { Inventory } from '../../../clients/placement.ts';
import type { NodeFacts } from '../../../domain/hosts.ts';
import { isKind } from '../../../lib/errors.ts';
import { retry } from '../../../lib/retry.ts';
import type { ComputeHost } from '../compute-host.ts';
import type { HostInventory } from '../drivers/driver.ts';
import { providerInventories, providerTraits } from '../provider-report.ts';

/** Keeps placement and the conductor in agreement with what the host has. One scan looks at the whole; nothing is sent that is known already. */
export type ResourceReport = () => Promise<Readonly<Record<string, unknown>>>;

export interface ResourceReportOptions {
  /** How many scans may pass, while the host stays the same, before placement is read again. 1 reads it each time. */
  readonly readEvery: number;
}

export function resourceReport(host: ComputeHost, { readEvery }: ResourceReportOptions): ResourceReport {
  let scans = 0;
  let reported: string | null = null;
  let told: string | null = null;
  return async () => {
    const inventory = await host.driver.inventory();
    const shape = JSON.stringify([inventory.vcpus, inventory.memoryMb, inventory.localGb, inventory.traits]);
    const due = scans++ % readEvery === 0 || shape !== reported;
    const results = await Promise.allSettled([
      due ? toPlacement(host, inventory).then(() => void (reported = shape)) : undefined,
      (async () => {
        const facts = nodeFacts(host, inventory);
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
export function nodeFacts({ node, settings }: Pick<ComputeHost, 'node' | 'settings'>, inventory: HostInventory): NodeFacts {
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
    stats: {},
  };
}

/** Brings inventories and traits of the node's provider to what they must be; a write of somebody else in between means another look. */
async function toPlacement(host: ComputeHost, inventory: HostInventory): Promise<void> {
  const { clients, identity, node, clock } = host;
  const { placement } = clients;
  const session = identity.serviceSession;
  await retry(
    async () => {
      await placement.ensureProvider(session, { uuid: node.uuid, name: node.name });
      const [{ generation, inventories }, { traits }] = await Promise.all([
        placement.inventories(session, node.uuid),
        placement.traits(session, node.uuid),
      ]);
      const wantedInventories = providerInventories(inventory, host.settings, inventories);
      const wantedTraits = providerTraits(inventory.traits, traits);
      let current = generation;
      if (!sameInventories(inventories, wantedInventories))
        current = await placement.setInventories(session, node.uuid, current, wantedInventories);
      if (!sameNames(traits, wantedTraits)) await placement.setTraits(session, node.uuid, current, wantedTraits);
    },
    { clock, attempts: 5, delayMs: 50, when: (error) => isKind(error, 'conflict') && error.code === 'placement.concurrent_update' },
  );
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && new Set([...some, ...others]).size === some.length;

const sameInventories = (some: Readonly<Record<string, Inventory>>, others: Readonly<Record<string, Inventory>>): boolean =>
  sameNames(Object.keys(some), Object.keys(others)) &&
  Object.entries(some).every(([name, inventory]) => {
    const other = others[name]!;
    return (Object.keys(other) as (keyof Inventory)[]).every((key) => inventory[key] === other[key]);
  });
