import type { Settings } from '../../../config/index.ts';
import { guestTopologyOf } from '../../../domain/numa/guest-topology-of.ts';
import { compileRequest } from '../../../domain/placement/compile-request.ts';
import type { ProviderView } from '../../../domain/placement/provider-view.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import { candidatesQuery, translate } from '../candidates-query.ts';
import type { HostFilter, Placing } from '../filters/filter.ts';
import type { HostView } from '../host-view.ts';
import { readQuery } from '../local-candidates.ts';
import { asksForPinning } from '../translate/resource-request.ts';
import type { HostTable } from './host-table.ts';

/** What all requests of one kind have in common: who may do for them at all, in the order placement offers them. */
export interface Shape {
  readonly demands: readonly { readonly resourceClass: string; readonly amount: number }[];
  readonly resources: Readonly<Record<string, number>>;
  readonly limit: number;
  readonly slots: Int32Array;
  /** Whether the host of a slot passes every filter. */
  readonly passes: (slot: number) => boolean;
}

/** Filters that say the same of a host to all requests of one kind, whatever was claimed meanwhile. */
const steady = new Set([
  'AllHostsFilter',
  'ComputeFilter',
  'AvailabilityZoneFilter',
  'ImagePropertiesFilter',
  'IsolatedHostsFilter',
  'AggregateMultiTenancyIsolation',
  'AggregateTypeAffinityFilter',
  'AggregateImagePropertiesIsolation',
  'AggregateInstanceExtraSpecsFilter',
]);

/** Whether a request may be of a kind at all: it names no place, no neighbours and no devices. */
export const isOfAKind = (spec: RequestSpec): boolean =>
  spec.groupId === null &&
  spec.forceHost === null &&
  spec.forceNode === null &&
  spec.requestedHost === null &&
  spec.requestedNode === null &&
  spec.ignoreHosts.length === 0 &&
  spec.moveFromCell === undefined &&
  (spec.requestGroups ?? []).length === 0 &&
  (spec.portPciRequests ?? []).length === 0 &&
  (spec.sameSubtree ?? []).length === 0 &&
  spec.flavor.extraSpecs['pci_passthrough:alias'] === undefined &&
  Object.keys(spec.schedulerHints).length === 0;

/** By what kinds are told apart: everything that translation and steady filters read. */
export const kindOf = (spec: RequestSpec, { scheduler }: Settings, filters: readonly HostFilter[]): string => {
  const byProject = scheduler.limit_tenants_to_placement_aggregate || filters.some(({ name }) => name === 'AggregateMultiTenancyIsolation');
  return JSON.stringify([
    spec.flavor,
    spec.image,
    spec.isBootedFromVolume,
    spec.availabilityZone,
    byProject ? spec.projectId : null,
    spec.remoteManagedPorts,
    spec.segmentAggregates,
  ]);
};

/** What filters are asked with; nothing about amounts or neighbours, which no steady filter looks at. */
export const placingOfKind = (spec: RequestSpec, settings: Settings, hosts: HostView): Placing => ({
  spec,
  group: null,
  settings,
  topology: null,
  pciRequests: [],
  hintedHosts: new Map(),
  kept: new Map(),
  imagePropertiesOn: (host) => hosts.imagePropertiesOn(host),
});

/** The kind of a request in terms of these hosts and providers; null where it takes more than columns to place it. */
export function shapeOf(
  spec: RequestSpec,
  {
    hosts,
    providers,
    table,
    filters,
    settings,
    slotsOf,
  }: {
    readonly hosts: HostView;
    readonly providers: ProviderView;
    readonly table: HostTable;
    readonly filters: readonly HostFilter[];
    readonly settings: Settings;
    /** Slots for a query, kept while providers stay what they are. */
    readonly slotsOf: (query: string, make: () => Int32Array) => Int32Array;
  },
): Shape | null {
  if (guestTopologyOf(spec) !== null || asksForPinning(spec)) return null;
  const placing = placingOfKind(spec, settings, hosts);
  const asked = filters.filter(({ concerns }) => concerns?.(placing) !== false);
  if (!asked.every(({ name }) => steady.has(name))) return null;
  const translated = translate(spec, { aggregates: hosts.aggregates, inTree: null, settings });
  if (typeof translated === 'string' || (translated.groups ?? []).length > 0) return null;
  const query = candidatesQuery(translated);
  const request = readQuery(query);
  const [group, ...more] = request.groups;
  if (group === undefined || more.length > 0 || group.suffix !== '' || group.resources.size === 0) return null;
  const slots = slotsOf(query, () => {
    const compiled = compileRequest(providers, request);
    if (compiled === null) return new Int32Array(0);
    const only = compiled.groups[0]!;
    return Int32Array.from(
      providers.roots.filter(
        (root) => compiled.anchors(root) && only.admitsIn(root, root) && only.required.every((having) => having.has(root)),
      ),
    );
  });
  /** 0 is not known yet, 1 passes, 2 does not. */
  const verdicts = new Uint8Array(providers.slots);
  return {
    demands: [...group.resources].map(([resourceClass, amount]) => ({ resourceClass, amount })),
    resources: Object.fromEntries(group.resources),
    limit: request.limit ?? Infinity,
    slots,
    passes: (slot) => {
      const known = verdicts[slot]!;
      if (known !== 0) return known === 1;
      const state = table.states[slot]!;
      const passes = asked.every((filter) => filter.check(state, placing) === null);
      verdicts[slot] = passes ? 1 : 2;
      return passes;
    },
  };
}
