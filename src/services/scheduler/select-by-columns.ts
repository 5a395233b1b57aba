import type { Selection } from '../../contracts/scheduler.ts';
import type { ProviderView } from '../../domain/placement/provider-view.ts';
import type { Destination } from '../../domain/request-spec.ts';
import { claimsOf } from './claims.ts';
import { bestPlaces, offeredSlots, weightsOf, type Offer } from './columns/best-slots.ts';
import { countingWeighers, hostTable, type HostTable } from './columns/host-table.ts';
import { isOfAKind, kindOf, placingOfKind, shapeOf, type Shape } from './columns/shape.ts';
import type { HostView } from './host-view.ts';
import type { Providers } from './providers.ts';
import type { PlacesWanted, SchedulerDeps } from './select-destinations.ts';

const mostKinds = 5_000;

/** Places a request, or answers null: then `selectDestinations` must. */
export type ColumnSelector = (wanted: PlacesWanted) => Promise<Selection | null>;

/**
 * The same pipeline for the requests that most are, one server that names no place, neighbours or devices, over columns of numbers: which hosts may do at
 * all is worked out once for all requests of a kind, what is left of them is read from placement's columns, and no object is made for a host that is not
 * chosen. It chooses as `selectDestinations` does (select-by-columns.test.ts), except that it counts on claims that are under way. Whatever it cannot
 * decide, a request that fits nowhere included, goes the long way.
 */
export function columnSelector(deps: SchedulerDeps & { readonly providers: Providers }): ColumnSelector {
  const { settings, filters, weighers } = deps;
  const { host_subset_size: subset, shuffle_best_same_weighed_hosts: shuffles } = settings.filter_scheduler;
  const orderIsWeight = subset <= 1 && !shuffles;
  let known: Known | null = null;

  /** What is worked out for these hosts and providers; made anew when either is another. */
  const knownOf = (hosts: HostView, providers: ProviderView, spec: PlacesWanted['spec']): Known => {
    if (known?.hosts === hosts && known.providers === providers && known.structure === providers.structure) return known;
    const same = known?.providers === providers && known.structure === providers.structure;
    const placing = placingOfKind(spec, settings, hosts);
    const counting = countingWeighers(weighers, placing, hosts.aggregateKeys);
    const flat = !providers.hasTrees && providers.withTrait('MISC_SHARES_VIA_AGGREGATE')?.isEmpty !== false;
    known = {
      hosts,
      providers,
      structure: providers.structure,
      table: counting === null || !flat ? null : hostTable(hosts, providers, settings, { weighers: counting, placing }),
      kinds: new Map(),
      slots: same ? known!.slots : new Map(),
    };
    return known;
  };
  const shapeFor = (at: Known, table: HostTable, spec: PlacesWanted['spec']): Shape | null => {
    const kind = kindOf(spec, settings, filters);
    const made = at.kinds.get(kind);
    if (made !== undefined) return made;
    const shape = shapeOf(spec, {
      ...at,
      table,
      filters,
      settings,
      slotsOf(query, make) {
        const slots = at.slots.get(query) ?? make();
        at.slots.set(query, slots);
        return slots;
      },
    });
    if (at.kinds.size >= mostKinds) at.kinds.clear();
    at.kinds.set(kind, shape);
    return shape;
  };

  return async ({ spec, instanceIds }) => {
    const [instanceId] = instanceIds;
    if (!orderIsWeight || instanceId === undefined || instanceIds.length > 1 || !isOfAKind(spec)) return null;
    const [hosts, providers] = await Promise.all([deps.views.current(), deps.providers.lately()]);
    if (providers === null) return null;
    const at = knownOf(hosts, providers, spec);
    const { table } = at;
    const shape = table === null ? null : shapeFor(at, table, spec);
    if (table === null || shape === null) return null;

    const offer = offeredSlots(providers, table, shape);
    const [best] = bestPlaces(weightsOf(providers, table, offer), 1);
    if (best === undefined) return null;
    const slot = offer.slots[best]!;
    const { uuid } = providers.at(slot);
    const chosen = destinationOf(table, slot);
    const alternates = alternatesOf(providers, table, offer, best, settings.scheduler.max_attempts - 1);
    for (const { resourceClass, amount } of shape.demands) providers.column(resourceClass)!.used[slot]! += amount;
    // slots mean nothing any more after this: the view may change
    const claims = claimsOf(deps, spec);
    const candidate = { allocations: { [uuid]: { resources: shape.resources } }, mappings: { '': [uuid] } };
    let granted = false;
    try {
      granted = await claims.claim(instanceId, candidate);
    } finally {
      if (!granted) restore(providers, uuid); // what is granted placement tells of from now on
    }
    return granted ? { found: true, decisionId: deps.ids.uuid(), destinations: [{ instanceId, chosen, alternates }] } : null;
  };
}

interface Known {
  readonly hosts: HostView;
  readonly providers: ProviderView;
  readonly structure: number;
  /** Null where columns do not tell all. */
  readonly table: HostTable | null;
  readonly kinds: Map<string, Shape | null>;
  readonly slots: Map<string, Int32Array>;
}

const destinationOf = ({ states }: HostTable, slot: number): Destination => {
  const { host, node, cellId, nodeUuid, zone } = states[slot]!;
  return { host, node, cellId, computeNodeUuid: nodeUuid, availabilityZone: zone };
};

/** The best of the other hosts of the same cell, weighed among themselves. */
function alternatesOf(providers: ProviderView, table: HostTable, offer: Offer, best: number, most: number): readonly Destination[] {
  if (most <= 0 || offer.count < 2) return [];
  const { cellId } = table.states[offer.slots[best]!]!;
  const weights = weightsOf(providers, table, offer, best);
  const isOfCell = (place: number): boolean => table.states[offer.slots[place]!]!.cellId === cellId;
  return bestPlaces(weights, most, isOfCell).map((place) => destinationOf(table, offer.slots[place]!));
}

/** Puts back what placement last told of a provider. */
function restore(providers: ProviderView, uuid: string): void {
  const slot = providers.slotOf(uuid);
  if (slot === undefined) return;
  for (const [resourceClass, numbers] of Object.entries(providers.at(slot).inventories)) {
    const column = providers.column(resourceClass);
    if (column !== undefined) column.used[slot] = numbers[6];
  }
}
