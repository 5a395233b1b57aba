import { randomInt } from 'node:crypto';
import type { PlacementClient } from '../../clients/placement.ts';
import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { Selection } from '../../contracts/scheduler.ts';
import type { Destination, PlacementRefusal, RequestSpec } from '../../domain/request-spec.ts';
import { isKind } from '../../lib/errors.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { findServerGroup, memberHosts } from '../../store/server-groups.ts';
import type { Stores } from '../../store/stores.ts';
import { candidatesQuery, resourcesOf, translate } from './candidates-query.ts';
import { explainNoCandidates, refusalMessage } from './explain.ts';
import type { HostFilter, Placing } from './filters/filter.ts';
import type { HostState } from './host-state.ts';
import type { HostView } from './host-view.ts';
import { weigh } from './weighers/index.ts';

export interface SchedulerDeps {
  readonly stores: Stores;
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly views: { current(): Promise<HostView>; refresh(): void };
  readonly filters: readonly HostFilter[];
  readonly settings: Settings;
  readonly ids: IdSource;
  readonly log: Log;
}

/** The pipeline: placement's candidates → filters → weighers → claim, for each instance of the request; all or none. */
export async function selectDestinations(
  deps: SchedulerDeps,
  { spec, instanceIds }: { readonly spec: RequestSpec; readonly instanceIds: readonly string[] },
): Promise<Selection> {
  const { placement, settings } = deps;
  const session = deps.identity.serviceSession;
  const decisionId = deps.ids.uuid();
  const refuse = (refusal: PlacementRefusal, message = refusalMessage(refusal)): Selection => ({
    found: false,
    decisionId,
    message,
    refusal,
  });
  await giveBack(deps, instanceIds);

  const view = await deps.views.current();
  const target = targetOf(spec, view);
  if (target === 'none')
    return refuse(
      { considered: view.nodesByUuid.size, reasons: [] },
      `No valid host was found. No such host - host: ${spec.forceHost ?? spec.requestedHost ?? '-'} node: ${spec.forceNode ?? spec.requestedNode ?? '-'}`,
    );
  const request = translate(spec, { aggregates: view.aggregates, inTree: target, settings });
  if (typeof request === 'string')
    return refuse({ considered: view.nodesByUuid.size, reasons: [] }, `No valid host was found. ${request}.`);
  const { candidates, summaries } = await placement.allocationCandidates(session, candidatesQuery(request));
  const hosts = hostStates(view, candidates, summaries, settings);
  if (hosts.length === 0) return refuse(await explainNoCandidates(placement, session, request, view));

  const placing: Placing = { spec, group: await groupOf(deps, spec), settings };
  const amounts = resourcesOf(spec);
  const destinations: { instanceId: string; chosen: HostState; ranked: readonly HostState[] }[] = [];
  for (const instanceId of instanceIds) {
    const { accepted, refusal } =
      spec.forceHost !== null || spec.forceNode !== null ? { accepted: hosts, refusal: null } : judge(hosts, placing, deps.filters);
    const ranked = drawn(weigh(accepted, placing), settings);
    const chosen = await claimFirst(deps, ranked, spec, instanceId);
    if (chosen === null) {
      await giveBack(deps, instanceIds);
      if (refusal !== null && accepted.length === 0)
        return refuse({ ...refusal, considered: view.nodesByUuid.size, reasons: [...refusal.reasons, ...missing(view, hosts)] });
      return refuse(await explainNoCandidates(placement, session, request, view));
    }
    chosen.freeMemoryMb -= amounts['MEMORY_MB'] ?? 0;
    chosen.freeVcpus -= amounts['VCPU'] ?? 0;
    chosen.freeDiskMb -= (amounts['DISK_GB'] ?? 0) * 1024;
    placing.group?.memberHosts.push(chosen.host);
    destinations.push({ instanceId, chosen, ranked });
  }
  const taken = new Set(destinations.map(({ chosen }) => chosen.nodeUuid));
  return {
    found: true,
    decisionId,
    destinations: destinations.map(({ instanceId, chosen, ranked }) => ({
      instanceId,
      chosen: destinationOf(chosen),
      alternates: ranked
        .filter((host) => !taken.has(host.nodeUuid) && host.cellId === chosen.cellId)
        .slice(0, settings.scheduler.max_attempts - 1)
        .map(destinationOf),
    })),
  };
}

const destinationOf = ({ host, node, cellId, nodeUuid, zone }: HostState): Destination => ({
  host,
  node,
  cellId,
  computeNodeUuid: nodeUuid,
  availabilityZone: zone,
});

/** Claims of an earlier try of the same operation. */
async function giveBack(deps: SchedulerDeps, instanceIds: readonly string[]): Promise<void> {
  await Promise.all(instanceIds.map((id) => deps.placement.deleteAllocations(deps.identity.serviceSession, id)));
}

/** The node a request insists on; null without one, `none` when there is no such node. */
function targetOf(spec: RequestSpec, view: HostView): string | null {
  const host = spec.forceHost ?? spec.requestedHost;
  const node = spec.forceNode ?? spec.requestedNode;
  if (host === null && node === null) return null;
  const matching = [...view.nodesByUuid.values()].filter(
    (candidate) => (host === null || candidate.host === host) && (node === null || candidate.name === node),
  );
  return matching.length === 0 ? 'none' : matching[0]!.uuid;
}

function hostStates(
  view: HostView,
  candidates: Awaited<ReturnType<PlacementClient['allocationCandidates']>>['candidates'],
  summaries: Awaited<ReturnType<PlacementClient['allocationCandidates']>>['summaries'],
  settings: Settings,
): HostState[] {
  const byRoot = new Map<string, HostState>();
  for (const candidate of candidates) {
    const [provider] = Object.keys(candidate.allocations);
    const summary = provider === undefined ? undefined : summaries[provider];
    const node = summary === undefined ? undefined : view.nodesByUuid.get(summary.rootProviderUuid);
    if (summary === undefined || node === undefined) continue;
    const known = byRoot.get(node.uuid);
    if (known !== undefined) {
      known.candidates.push(candidate);
      continue;
    }
    const free = (resource: string): number => {
      const amount = summaries[node.uuid]?.resources[resource];
      return amount === undefined ? 0 : amount.capacity - amount.used;
    };
    const service = view.serviceOf.get(node.host);
    byRoot.set(node.uuid, {
      host: node.host,
      node: node.name,
      nodeUuid: node.uuid,
      cellId: node.cellId,
      zone: view.zoneOf.get(node.host) ?? settings.DEFAULT.default_availability_zone,
      enabled: service !== undefined && !service.disabled,
      up: view.isUp(node.host),
      facts: node.facts,
      aggregateMetadata: view.aggregateMetadataOf(node.host),
      freeMemoryMb: free('MEMORY_MB'),
      freeVcpus: free('VCPU'),
      freeDiskMb: free('DISK_GB') * 1024,
      candidates: [candidate],
    });
  }
  return [...byRoot.values()];
}

async function groupOf(deps: SchedulerDeps, spec: RequestSpec): Promise<Placing['group']> {
  if (spec.groupId === null) return null;
  const group = await findServerGroup(deps.stores.api, spec.groupId);
  if (group === null) return null;
  return {
    id: group.id,
    policy: group.policy,
    maxServerPerHost: group.rules.max_server_per_host ?? 1,
    memberHosts: await memberHosts(deps.stores, group),
  };
}

/** The hosts that pass every filter, and why the others do not: each is counted once, for the first filter that refuses it. */
function judge(
  hosts: readonly HostState[],
  placing: Placing,
  filters: readonly HostFilter[],
): { readonly accepted: readonly HostState[]; readonly refusal: PlacementRefusal } {
  const accepted: HostState[] = [];
  const counts = new Map<string, { count: number; readonly example: string }>();
  const note = (constraint: string, example: string): void => {
    const entry = counts.get(constraint) ?? { count: 0, example };
    entry.count++;
    counts.set(constraint, entry);
  };
  for (const host of hosts) {
    if (placing.spec.ignoreHosts.includes(host.host)) {
      note('excluded from this operation', 'it was tried before');
      continue;
    }
    let refused = null;
    for (const filter of filters) {
      refused = filter.check(host, placing);
      if (refused !== null) break;
    }
    if (refused === null) accepted.push(host);
    else note(refused.constraint, refused.because);
  }
  const reasons = [...counts]
    .map(([constraint, { count, example }]) => ({ constraint, count, example }))
    .toSorted((a, b) => b.count - a.count);
  return { accepted, refusal: { considered: hosts.length, reasons } };
}

const missing = (view: HostView, hosts: readonly HostState[]): PlacementRefusal['reasons'] =>
  view.nodesByUuid.size > hosts.length
    ? [{ constraint: 'without room or a required trait', count: view.nodesByUuid.size - hosts.length, example: '' }]
    : [];

/** Draws one of the `host_subset_size` best hosts to the front, so that several schedulers do not all want the same one. */
function drawn(ranked: HostState[], settings: Settings): HostState[] {
  const size = Math.min(settings.filter_scheduler.host_subset_size, ranked.length);
  if (size <= 1) return ranked;
  const [first] = ranked.splice(randomInt(size), 1);
  return [first!, ...ranked];
}

/** Claims the first candidate that placement still grants, host by host. A claim is a transaction there: a lost race is just the next host. */
async function claimFirst(
  deps: SchedulerDeps,
  ranked: readonly HostState[],
  spec: RequestSpec,
  instanceId: string,
): Promise<HostState | null> {
  for (const host of ranked) {
    for (const candidate of host.candidates) {
      try {
        await deps.placement.putAllocations(deps.identity.serviceSession, instanceId, {
          allocations: candidate.allocations,
          mappings: candidate.mappings,
          projectId: spec.projectId,
          userId: spec.userId,
          consumerGeneration: null,
          consumerType: 'INSTANCE',
        });
        return host;
      } catch (error) {
        if (!isKind(error, 'conflict')) throw error;
        deps.log.debug({ instanceId, host: host.host }, 'claim lost a race');
      }
    }
  }
  return null;
}
