import type { ComputeNode } from '../../../store/services.ts';
import type { HostView, HostViews } from '../host-view.ts';
import type { HostRemainder } from '../host-state.ts';
import { factsOf } from './hosts.ts';

/** What a host of a made-up cloud is; what is not said is as `factsOf` says. */
export interface MadeHost {
  readonly host: string;
  readonly facts?: Partial<ComputeNode['facts']>;
  readonly disabled?: boolean;
  readonly down?: boolean;
  readonly zone?: string;
  readonly cellId?: string;
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
  readonly instances?: number;
}

/** The uuid of the one node of a made-up host. */
export const nodeOf = (host: string): string => `node of ${host}`;

/** A view of made-up hosts, which does not change but for what is taken of them. */
export function viewsOf(hosts: readonly MadeHost[]): HostViews & { readonly view: HostView } {
  const byHost = new Map(hosts.map((made) => [made.host, made]));
  const nodes = hosts.map(({ host, facts = {}, cellId = 'cell1' }, id): ComputeNode => ({
    id,
    uuid: nodeOf(host),
    host,
    name: host,
    facts: factsOf({ uuid: nodeOf(host), name: host, ...facts }),
    cellId,
  }));
  const remainders = new Map<string, HostRemainder>(
    nodes.map(({ uuid, facts }) => [uuid, { numaTopology: facts.numaTopology ?? null, pciPools: facts.pciPools ?? [] }]),
  );
  const view: HostView = {
    nodesByUuid: new Map(nodes.map((node) => [node.uuid, node])),
    serviceOf: new Map(hosts.map(({ host, disabled = false }) => [host, { host, disabled, forcedDown: false, lastSeenAt: null }])),
    zoneOf: new Map(hosts.flatMap(({ host, zone }) => (zone === undefined ? [] : [[host, zone] as const]))),
    aggregates: [],
    aggregateKeys: new Set(hosts.flatMap(({ metadata = {} }) => Object.keys(metadata))),
    aggregateMetadataOf: (host) => byHost.get(host)?.metadata ?? {},
    isUp: (host) => byHost.get(host)?.down !== true,
    instancesOn: (host) => byHost.get(host)?.instances ?? 0,
    ioOpsOn: () => 0,
    imagePropertiesOn: () => new Map(),
    remainderOf: ({ uuid }) => remainders.get(uuid)!,
  };
  return { view, current: () => Promise.resolve(view), fresh: () => Promise.resolve(view), refresh: () => undefined };
}
