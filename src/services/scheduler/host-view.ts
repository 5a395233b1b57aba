import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { listAggregates, zonesOfHosts, type Aggregate } from '../../store/aggregates.ts';
import { imagePropertiesByHost, readHostLoad } from '../../store/host-load.ts';
import { isUp, listHostLiveness, nodesOfCell, nodeVersions, type ComputeNode, type HostLiveness } from '../../store/services.ts';
import type { Cell, Stores } from '../../store/stores.ts';
import type { HostRemainder } from './host-state.ts';

/** All hosts of the cloud as the store has them. */
export interface HostView {
  readonly nodesByUuid: ReadonlyMap<string, ComputeNode>;
  readonly serviceOf: ReadonlyMap<string, HostLiveness>;
  readonly zoneOf: ReadonlyMap<string, string>;
  readonly aggregates: readonly Aggregate[];
  readonly aggregateMetadataOf: (host: string) => Readonly<Record<string, readonly string[]>>;
  /** Keys of metadata that any aggregate has. */
  readonly aggregateKeys: ReadonlySet<string>;
  isUp(host: string): boolean;
  instancesOn(host: string): number;
  ioOpsOn(host: string): number;
  /** How many instances of a host were made from an image with a property and value, by `property=value`. */
  imagePropertiesOn(host: string): ReadonlyMap<string, number>;
  /** What is left of a node that placement does not count. */
  remainderOf(node: ComputeNode): HostRemainder;
}

export interface HostViews {
  current(): Promise<HostView>;
  /** One that is read after the call; those who ask meanwhile share it. */
  fresh(): Promise<HostView>;
  refresh(): void;
}

/** How long a view may be used; liveness is written every `report_interval` seconds, so this hides nothing. */
const keptMs = 1000;
/** Of the time, at most one part in so many goes into reading views. */
const readingShare = 10;

const none: ReadonlyMap<string, number> = new Map();

/** What the settings ask to be counted of instances: not counted is not read. */
const countsOf = ({ filter_scheduler: settings }: Settings, aggregateKeys: ReadonlySet<string>) => ({
  instances:
    settings.num_instances_weight_multiplier !== 0 ||
    aggregateKeys.has('num_instances_weight_multiplier') ||
    settings.enabled_filters.some((name) => name.includes('NumInstancesFilter')),
  imageProperties: settings.image_props_weight_multiplier !== 0 || aggregateKeys.has('image_props_weight_multiplier'),
});

/**
 * Keeps one view for all requests of a moment: hosts change rarely, requests come in bursts. Of the hypervisors only those that were written since are read
 * again. `refresh` makes the next request read anew.
 */
export function createHostViews(deps: { readonly stores: Stores; readonly settings: Settings; readonly clock: Clock }): HostViews {
  let current: { readonly at: number; keptMs: number; readonly view: Promise<HostView> } | null = null;
  const known = new Map<string, { readonly version: string; readonly node: ComputeNode; readonly remainder: HostRemainder }>();
  let reading: Promise<unknown> = Promise.resolve();
  let queued: Promise<HostView> | null = null;

  const readNodes = async (): Promise<ReadonlyMap<string, ComputeNode>> => {
    const seen = new Set<string>();
    const readCell = async (cell: Cell): Promise<void> => {
      const versions = await nodeVersions(cell);
      const changed = [...versions].flatMap(([uuid, version]) => (known.get(uuid)?.version === version ? [] : [uuid]));
      const all = changed.length * 2 > versions.size;
      for (const node of await nodesOfCell(cell, all ? null : changed)) {
        const remainder = { numaTopology: node.facts.numaTopology ?? null, pciPools: node.facts.pciPools ?? [] };
        known.set(node.uuid, { version: versions.get(node.uuid) ?? '', node, remainder });
      }
      for (const uuid of versions.keys()) seen.add(uuid);
    };
    await Promise.all(deps.stores.hostCells().map(readCell));
    for (const uuid of known.keys()) if (!seen.has(uuid)) known.delete(uuid);
    return new Map([...known].map(([uuid, { node }]) => [uuid, node]));
  };

  const read = async (): Promise<HostView> => {
    const [nodesByUuid, services, aggregates] = await Promise.all([
      readNodes(),
      listHostLiveness(deps.stores),
      listAggregates(deps.stores.api),
    ]);
    const aggregateKeys = new Set(aggregates.flatMap(({ metadata }) => Object.keys(metadata)));
    const wanted = countsOf(deps.settings, aggregateKeys);
    const [load, imageProperties] = await Promise.all([
      readHostLoad(deps.stores, wanted),
      wanted.imageProperties ? imagePropertiesByHost(deps.stores) : null,
    ]);
    const serviceOf = new Map(services.map((service) => [service.host, service]));
    const runningVms = new Map([...nodesByUuid.values()].map((node) => [node.host, node.facts.runningVms]));
    const metadataOf = aggregateMetadata(aggregates);
    return {
      nodesByUuid,
      serviceOf,
      zoneOf: zonesOfHosts(aggregates),
      aggregates,
      aggregateKeys,
      aggregateMetadataOf: (host) => metadataOf.get(host) ?? {},
      isUp(host) {
        const service = serviceOf.get(host);
        return service !== undefined && isUp(service, deps.clock.now(), deps.settings.DEFAULT.service_down_time);
      },
      instancesOn: (host) => (load.instances ?? runningVms).get(host) ?? 0,
      ioOpsOn: (host) => load.ioOps.get(host) ?? 0,
      imagePropertiesOn: (host) => imageProperties?.get(host) ?? none,
      remainderOf: (node) =>
        known.get(node.uuid)?.remainder ?? { numaTopology: node.facts.numaTopology ?? null, pciPools: node.facts.pciPools ?? [] },
    };
  };

  const fresh = (): Promise<HostView> => {
    if (queued !== null) return queued;
    const now = deps.clock.now();
    const begin = (): Promise<HostView> => {
      queued = null;
      return read();
    };
    const view = reading.then(begin, begin);
    queued = view;
    reading = view;
    const entry = { at: now, keptMs, view };
    current = entry;
    view.then(
      () => (entry.keptMs = Math.max(keptMs, readingShare * (deps.clock.now() - now))),
      () => current === entry && (current = null),
    );
    return view;
  };
  return {
    current: () => (current === null || deps.clock.now() - current.at > current.keptMs ? fresh() : current.view),
    fresh,
    refresh: () => void (current = null),
  };
}

function aggregateMetadata(aggregates: readonly Aggregate[]): ReadonlyMap<string, Readonly<Record<string, readonly string[]>>> {
  const byHost = new Map<string, Record<string, string[]>>();
  for (const { hosts, metadata } of aggregates) {
    const entries = Object.entries(metadata).map(([key, value]) => [key, value.split(',').map((part) => part.trim())] as const);
    for (const host of hosts) {
      const own = byHost.get(host) ?? {};
      byHost.set(host, own);
      for (const [key, values] of entries) (own[key] ??= []).push(...values);
    }
  }
  return byHost;
}
