import { randomInt } from 'node:crypto';
import type { AllocationCandidates, PlacementClient } from '../../clients/placement.ts';
import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { Selection } from '../../contracts/scheduler.ts';
import { guestTopologyOf } from '../../domain/numa/guest-topology-of.ts';
import { pciRequestsOf } from '../../domain/pci/pci-aliases.ts';
import type { Destination, PlacementRefusal, RequestSpec } from '../../domain/request-spec.ts';
import { isKind, messageOf } from '../../lib/errors.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { hostsOfInstances } from '../../store/host-load.ts';
import type { Stores } from '../../store/stores.ts';
import { candidatesQuery, resourcesOf, translate, type TranslationContext } from './candidates-query.ts';
import { claimsOf, type Claims } from './claims.ts';
import { consume } from './consume.ts';
import { candidatesOf, type HostFilter, type Placing } from './filters/filter.ts';
import { unsupportedPolicy, type GroupSection, type Placed } from './group-section.ts';
import type { HostCandidate, HostState } from './host-state.ts';
import { hostStates } from './host-states.ts';
import type { HostView, HostViews } from './host-view.ts';
import { judgeHosts } from './judge-hosts.ts';
import { pciAliasesOf } from './pci-aliases-of.ts';
import { targetOf, type Target } from './target.ts';
import { asksForPinning } from './translate/resource-request.ts';
import { bestFirst, weightsOf } from './weighers/weigh.ts';
import type { HostWeigher } from './weighers/weigher.ts';

export interface SchedulerDeps {
  readonly stores: Stores;
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly views: HostViews;
  readonly groups: GroupSection;
  readonly filters: readonly HostFilter[];
  readonly weighers: readonly HostWeigher[];
  readonly settings: Settings;
  readonly ids: IdSource;
  readonly log: Log;
}

export interface PlacesWanted {
  readonly spec: RequestSpec;
  readonly instanceIds: readonly string[];
}

/** The pipeline: placement's candidates → filters → weighers → claim, for each instance of the request; all or none. */
export async function selectDestinations(deps: SchedulerDeps, wanted: PlacesWanted): Promise<Selection> {
  const { spec, instanceIds } = wanted;
  const claims = claimsOf(deps, spec);
  const place = (view: HostView): Promise<Selection> =>
    deps.groups.run(spec, instanceIds, async (group): Promise<Placed<Selection>> => {
      const selection = await placeAll(deps, wanted, group, claims, view);
      const hosts = selection.found ? selection.destinations.map(({ instanceId, chosen }) => [instanceId, chosen.host]) : [];
      return { result: selection, hosts: Object.fromEntries(hosts) as Record<string, string> };
    });
  try {
    const selection = await place(await deps.views.current());
    if (selection.found) return selection;
    // what an earlier try still held may have been what was missing, or what hosts have told since they were looked at
    await claims.giveBackEarlier(instanceIds);
    return await place(await deps.views.fresh());
  } catch (error) {
    await claims.undo();
    throw error;
  }
}

async function placeAll(
  deps: SchedulerDeps,
  { spec, instanceIds }: PlacesWanted,
  group: Placing['group'],
  claims: Claims,
  view: HostView,
): Promise<Selection> {
  const decisionId = deps.ids.uuid();
  const refuse = (why: string, reasons: PlacementRefusal['reasons'] = []): Selection => ({
    found: false,
    decisionId,
    message: `No valid host was found. ${why}`,
    refusal: { considered: view.nodesByUuid.size, reasons },
  });
  const notEnough = 'There are not enough hosts available.';
  const unsupported = unsupportedPolicy(group, deps.filters, deps.weighers);
  if (unsupported !== null) return refuse(unsupported);
  const target = targetOf(spec, view);
  if (typeof target === 'string') return refuse(target);
  const placing = await placingOf(deps, spec, group, view);
  const hosts = await hostsOffered(deps, placing, target, view);
  if (typeof hosts === 'string') return refuse(`${hosts}.`);

  const amounts = resourcesOf(spec);
  const places: { readonly instanceId: string; readonly host: HostState; readonly candidate: HostCandidate }[] = [];
  let fit: readonly HostState[] = hosts;
  for (const [index, instanceId] of instanceIds.entries()) {
    placing.kept.clear();
    const { accepted, reasons } = target.isForced
      ? { accepted: notIgnored(hosts, spec), reasons: [] }
      : judgeHosts(fit, placing, deps.filters, index > 0);
    if (index === 0) fit = accepted; // what filters say once, they say of all
    const found = await claimBest(ranked(deps, accepted, placing), placing, claims, instanceId);
    if (found === null) {
      await claims.undo();
      return refuse(notEnough, reasons);
    }
    consume(found.host, found.candidate, placing, amounts);
    places.push({ instanceId, ...found });
  }
  return { found: true, decisionId, destinations: withAlternates(deps, places, fit, placing, target) };
}

/** Everything about the request that filters and weighers ask for, once. */
async function placingOf(
  { stores, settings, ids }: SchedulerDeps,
  spec: RequestSpec,
  group: Placing['group'],
  view: HostView,
): Promise<Placing> {
  const hinted = ['same_host', 'different_host'].flatMap((hint) => spec.schedulerHints[hint] ?? []);
  return {
    spec,
    group,
    settings,
    topology: guestTopologyOf(spec),
    pciRequests: [...pciRequestsOf(spec, pciAliasesOf(settings), () => ids.uuid()), ...(spec.portPciRequests ?? [])],
    hintedHosts: await hostsOfInstances(stores, hinted),
    kept: new Map(),
    imagePropertiesOn: (host) => view.imagePropertiesOn(host),
  };
}

/** Hosts placement offers; a text says why it was not asked. */
async function hostsOffered(
  deps: SchedulerDeps,
  { spec, pciRequests }: Placing,
  target: Target,
  view: HostView,
): Promise<HostState[] | string> {
  const { placement, identity, settings } = deps;
  const context: TranslationContext = {
    aggregates: view.aggregates,
    inTree: target.inTree,
    isManyNodes: target.isManyNodes,
    settings,
    pci: settings.filter_scheduler.pci_in_placement ? pciRequests.filter(({ portId }) => portId === null) : [],
  };
  const ask = async (pinning: boolean): Promise<AllocationCandidates | string> => {
    const request = translate(spec, { ...context, pinning });
    if (typeof request === 'string') return request;
    try {
      return await placement.allocationCandidates(identity.serviceSession, candidatesQuery(request));
    } catch (error) {
      // what placement cannot even read, such as a trait that does not exist, no host has
      if (isKind(error, 'invalid')) return messageOf(error).replace(/\.$/, '');
      throw error;
    }
  };
  const fallsBack = !settings.workarounds.disable_fallback_pcpu_query && asksForPinning(spec);
  const offers = [await ask(true), ...(fallsBack ? [await ask(false)] : [])];
  const refusal = offers.find((offer) => typeof offer === 'string');
  if (refusal !== undefined) return refusal;
  return hostStates(view, offers as AllocationCandidates[], {
    includes: target.includes,
    defaultZone: settings.DEFAULT.default_availability_zone,
  });
}

const notIgnored = (hosts: readonly HostState[], { ignoreHosts }: RequestSpec): readonly HostState[] =>
  ignoreHosts.length === 0 ? hosts : hosts.filter(({ host }) => !ignoreHosts.includes(host));

/** Hosts in the order they are tried: by weight, except that one is drawn from the best where several schedulers shall not all want the same. */
function* ranked({ weighers, settings }: SchedulerDeps, hosts: readonly HostState[], placing: Placing): Generator<HostState, void, void> {
  const weights = weightsOf(hosts, placing, weighers);
  const order = bestFirst(hosts, weights);
  const { host_subset_size: subset, shuffle_best_same_weighed_hosts: shuffle } = settings.filter_scheduler;
  const most = hosts.length === 0 ? 0 : weights.reduce((best, weight) => Math.max(best, weight), -Infinity);
  const alike = shuffle ? weights.reduce((count, weight) => (weight === most ? count + 1 : count), 0) : 1;
  const best: HostState[] = [];
  while (best.length < Math.max(subset, alike)) {
    const { value } = order.next();
    if (value === undefined) break;
    best.push(value);
  }
  if (alike > 1) shuffled(best, Math.min(alike, best.length));
  if (subset > 1 && best.length > 1) {
    const [drawn] = best.splice(randomInt(Math.min(subset, best.length)), 1);
    best.unshift(drawn!);
  }
  yield* best;
  yield* order;
}

/** Puts the first so many in any order. */
function shuffled(hosts: HostState[], count: number): void {
  for (let last = count - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [hosts[last], hosts[other]] = [hosts[other]!, hosts[last]!];
  }
}

async function claimBest(hosts: Iterable<HostState>, placing: Placing, claims: Claims, instanceId: string) {
  for (const host of hosts) {
    for (const candidate of candidatesOf(host, placing)) {
      if (await claims.claim(instanceId, candidate)) return { host, candidate };
    }
  }
  return null;
}

/** Each place with the hosts that may take its server if it fails there: of the same cell, and nobody's place. */
function withAlternates(
  deps: SchedulerDeps,
  places: readonly { readonly instanceId: string; readonly host: HostState; readonly candidate: HostCandidate }[],
  hosts: readonly HostState[],
  placing: Placing,
  { isForced }: Target,
) {
  const taken = new Set(places.map(({ host }) => host.nodeUuid));
  const most = isForced ? 0 : deps.settings.scheduler.max_attempts - 1;
  const left = most === 0 ? [] : hosts.filter(({ nodeUuid }) => !taken.has(nodeUuid));
  const accepted = left.length === 0 ? [] : judgeHosts(left, placing, deps.filters, true).accepted;
  const weights = weightsOf(accepted, placing, deps.weighers);
  return places.map(({ instanceId, host, candidate }) => {
    const alternates: Destination[] = [];
    if (most > 0)
      for (const other of bestFirst(accepted, weights)) {
        if (other.cellId === host.cellId) alternates.push(destinationOf(other, candidatesOf(other, placing)[0]));
        if (alternates.length >= most) break;
      }
    return { instanceId, chosen: destinationOf(host, candidate), alternates };
  });
}

function destinationOf({ host, node, cellId, nodeUuid, zone }: HostState, candidate: HostCandidate | undefined): Destination {
  const groups = Object.entries(candidate?.mappings ?? {}).filter(([suffix]) => suffix !== '');
  return {
    host,
    node,
    cellId,
    computeNodeUuid: nodeUuid,
    availabilityZone: zone,
    ...(groups.length === 0 ? {} : { providers: Object.fromEntries(groups) }),
  };
}
