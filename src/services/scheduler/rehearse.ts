import type { PlacementClient } from '../../clients/placement.ts';
import { explanationOf, type Explanation, type HostVerdict } from '../../domain/decision.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import { conflict } from '../../lib/errors.ts';
import type { ComputeNode } from '../../store/services.ts';
import type { HostFilter } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import { readQuery } from './local-candidates.ts';
import type { Providers } from './providers.ts';
import { selectDestinations, type SchedulerDeps } from './select-destinations.ts';
import { whyNot, type AggregateWords, type Objection } from './why-not.ts';

/**
 * Walks the pipeline for a request as if it were placed, with a placement that grants nothing: what filters refuse is noted, and the order in which
 * hosts are claimed is the order of preference. What placement did not even offer is explained from the providers themselves.
 */
export async function rehearse(deps: SchedulerDeps & { readonly providers: Providers }, spec: RequestSpec): Promise<Explanation> {
  const queries: string[] = [];
  const rootOf = new Map<string, string>();
  const ranks = new Map<string, number>();
  const refused = new Map<string, Objection>();
  const placement: PlacementClient = {
    ...deps.placement,
    async allocationCandidates(session, query) {
      queries.push(query);
      const answer = await deps.placement.allocationCandidates(session, query);
      for (const [uuid, { rootProviderUuid }] of Object.entries(answer.summaries)) rootOf.set(uuid, rootProviderUuid);
      return answer;
    },
    putAllocations(_session, _consumer, { allocations }) {
      const root = Object.keys(allocations)
        .map((uuid) => rootOf.get(uuid) ?? uuid)
        .find((uuid) => !ranks.has(uuid));
      if (root !== undefined) ranks.set(root, ranks.size + 1);
      return Promise.reject(conflict('Nothing is claimed in a rehearsal.', { code: 'placement.concurrent_update' }));
    },
    deleteAllocations: () => Promise.resolve(),
  };
  const filters = deps.filters.map((filter): HostFilter => ({
    ...filter,
    check(host, placing) {
      const verdict = filter.check(host, placing);
      if (verdict !== null && !refused.has(host.nodeUuid))
        refused.set(host.nodeUuid, { constraint: verdict.constraint, because: verdict.because, shortfall: null });
      return verdict;
    },
  }));
  const view = await deps.views.current();
  const selection = await selectDestinations({ ...deps, placement, filters }, { spec, instanceIds: [deps.ids.uuid()] });
  const [query = ''] = queries;
  if (query === '' && !selection.found && view.nodesByUuid.size > 0)
    return { ...explanationOf([], ''), considered: view.nodesByUuid.size, message: selection.message, detail: selection.message };

  const providers = await deps.providers.now();
  const against = (node: ComputeNode): Objection => {
    if (spec.ignoreHosts.includes(node.host)) return objectionTo('excluded from this operation', 'is excluded from this operation');
    const byFilter = refused.get(node.uuid);
    if (byFilter !== undefined) return byFilter;
    if (providers === null) return objectionTo('not offered by placement', 'has no room or lacks a trait');
    const words = aggregateWords(view, spec, node.host);
    return (
      whyNot(providers, readQuery(query), node.uuid, words) ??
      objectionTo('beyond the number of hosts that are looked at', 'may do, but more hosts do than are looked at')
    );
  };
  const verdicts = [...view.nodesByUuid.values()].map((node): HostVerdict => {
    const rank = ranks.get(node.uuid) ?? null;
    const { constraint, because, shortfall } = rank === null ? against(node) : { constraint: null, because: null, shortfall: null };
    return {
      host: node.host,
      node: node.name,
      zone: view.zoneOf.get(node.host) ?? deps.settings.DEFAULT.default_availability_zone,
      rank,
      constraint,
      because,
      shortfall,
    };
  });
  return explanationOf(verdicts, query);
}

const objectionTo = (constraint: string, because: string): Objection => ({ constraint, because, shortfall: null });

/** An aggregate is a zone, or kept for some projects, or no more than a name. */
const aggregateWords =
  ({ aggregates, zoneOf }: HostView, spec: RequestSpec, host: string): AggregateWords =>
  (uuids) => {
    const named = aggregates.filter(({ uuid }) => uuids.includes(uuid));
    if (named.length > 0 && named.every(({ metadata }) => metadata['availability_zone'] === spec.availabilityZone)) {
      const own = zoneOf.get(host);
      return {
        constraint: 'in another zone',
        because: `is in ${own === undefined ? 'no zone' : `zone ${own}`}, not ${spec.availabilityZone ?? ''}`,
      };
    }
    if (named.some(({ metadata }) => Object.keys(metadata).some((key) => key.startsWith('filter_tenant_id'))))
      return { constraint: 'kept for other projects', because: 'is in no aggregate of the project' };
    return null;
  };
