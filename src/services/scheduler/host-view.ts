import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { listAggregates, zonesOfHosts, type Aggregate } from '../../store/aggregates.ts';
import { isUp, listComputeNodes, listServices, type ComputeNode, type ServiceRecord } from '../../store/services.ts';
import type { Stores } from '../../store/stores.ts';

/** All hosts of the cloud as the store has them. */
export interface HostView {
  readonly nodesByUuid: ReadonlyMap<string, ComputeNode>;
  readonly serviceOf: ReadonlyMap<string, ServiceRecord>;
  readonly zoneOf: ReadonlyMap<string, string>;
  readonly aggregates: readonly Aggregate[];
  readonly aggregateMetadataOf: (host: string) => Readonly<Record<string, readonly string[]>>;
  isUp(host: string): boolean;
}

/** How long a view may be used; liveness is written every `report_interval` seconds, so this hides nothing. */
const keptMs = 1000;

/** Keeps one view for all requests of a moment: hosts change rarely, requests come in bursts. `refresh` makes the next request read anew. */
export function createHostViews(deps: { readonly stores: Stores; readonly settings: Settings; readonly clock: Clock }) {
  let current: { readonly at: number; readonly view: Promise<HostView> } | null = null;
  const read = async (): Promise<HostView> => {
    const [nodes, services, aggregates] = await Promise.all([
      listComputeNodes(deps.stores),
      listServices(deps.stores),
      listAggregates(deps.stores.api),
    ]);
    const serviceOf = new Map(services.filter(({ binary }) => binary === 'nova-compute').map((service) => [service.host, service]));
    const metadata = new Map<string, Record<string, string[]>>();
    for (const aggregate of aggregates) {
      for (const host of aggregate.hosts) {
        const own = metadata.get(host) ?? {};
        metadata.set(host, own);
        for (const [key, value] of Object.entries(aggregate.metadata))
          (own[key] ??= []).push(...value.split(',').map((part) => part.trim()));
      }
    }
    return {
      nodesByUuid: new Map(nodes.map((node) => [node.uuid, node])),
      serviceOf,
      zoneOf: zonesOfHosts(aggregates),
      aggregates,
      aggregateMetadataOf: (host) => metadata.get(host) ?? {},
      isUp(host) {
        const service = serviceOf.get(host);
        return service !== undefined && isUp(service, deps.clock.now(), deps.settings.DEFAULT.service_down_time);
      },
    };
  };
  return {
    current(): Promise<HostView> {
      const now = deps.clock.now();
      if (current === null || now - current.at > keptMs) {
        const view = read();
        current = { at: now, view };
        view.catch(() => (current = null));
      }
      return current.view;
    },
    refresh: (): void => void (current = null),
  };
}
