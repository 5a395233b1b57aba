import { guestName } from '../../../../domain/instance.ts';
import { invalid, isKind, notFound } from '../../../../lib/errors.ts';
import { isTruthy } from '../../../../lib/http/query.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { instancesOfNodes, usageOfNodes } from '../../../../store/instance-usage.ts';
import { findNode, listServices, pageOfNodes, type ComputeNode } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { isUpNow } from '../../hosts.ts';
import { does } from '../../microversions.ts';
import { pageLimit } from '../../paging.ts';
import type { ListHypervisors } from './bodies.ts';
import type { HypervisorDetail } from './view.ts';

type Query = NonNullable<(typeof ListHypervisors)['value']>;

/** What to say of hypervisors beside what the store has at hand. */
interface Wanted {
  readonly servers?: boolean;
  /** Asks every host that is up. */
  readonly uptime?: boolean;
}

/** One page of hypervisors; before 2.33 all of them. */
export async function listHypervisors(deps: ApiDeps, ctx: RequestContext, query: Query, { detailed }: { readonly detailed: boolean }) {
  const limit = does(ctx, 'hypervisorsPaged') ? pageLimit(deps, query.limit) : null;
  const pattern = query.hypervisor_hostname_pattern;
  if (pattern !== undefined && (query.limit ?? query.marker) !== undefined) {
    throw invalid('Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.');
  }
  const after = query.marker === undefined ? null : await markerOf(deps, ctx, query.marker);
  const nodes = await pageOfNodes(deps.stores, { limit, after, named: pattern ?? null });
  if (pattern !== undefined && nodes.length === 0) throw noMatch(pattern);
  const wanted = { servers: isTruthy(query.with_servers), uptime: detailed && does(ctx, 'uptimeAmongHypervisors') };
  return {
    hypervisors: await detailsOf(deps, nodes, wanted),
    full: limit !== null && limit > 0 && nodes.length === limit,
    lastId: idOf(ctx, nodes.at(-1)),
  };
}

/** All hypervisors whose names contain this text; 404 without one. */
export async function searchHypervisors(deps: ApiDeps, pattern: string, wanted: Wanted = {}): Promise<HypervisorDetail[]> {
  const nodes = await pageOfNodes(deps.stores, { limit: null, after: null, named: pattern });
  if (nodes.length === 0) throw noMatch(pattern);
  return detailsOf(deps, nodes, wanted);
}

export const allHypervisors = async (deps: ApiDeps): Promise<HypervisorDetail[]> =>
  detailsOf(deps, await pageOfNodes(deps.stores, { limit: null, after: null, named: null }), {});

/** The hypervisor a path names: by its number until 2.52, by its uuid since. */
export async function getHypervisor(deps: ApiDeps, ctx: RequestContext, id: string, wanted: Wanted = {}): Promise<HypervisorDetail> {
  if (does(ctx, 'hostsHaveUuids') && normalizeUuid(id) === null) throw invalid(`Invalid uuid ${id}`);
  const node = await nodeOf(deps, ctx, id);
  const [detail] = node === null ? [] : await detailsOf(deps, [node], wanted);
  if (detail === undefined) throw notFound(`Hypervisor with ID '${id}' could not be found.`);
  return detail;
}

/** How long the host has been running, in its own words; throws where it does not answer. */
export async function uptimeOf(deps: ApiDeps, { node, up }: Pick<HypervisorDetail, 'node' | 'up'>): Promise<string> {
  const away = `Compute service of ${node.host} is unavailable at this time.`;
  if (!up) throw invalid(away);
  try {
    return (await deps.agentOn(node.host).uptime({}, { timeoutMs: 5000 })).text;
  } catch (error) {
    if (isKind(error, 'unavailable')) throw invalid(away, { cause: error });
    throw error;
  }
}

const noMatch = (pattern: string) => notFound(`No hypervisor matching '${pattern}' could be found.`);
const idOf = (ctx: RequestContext, node: ComputeNode | undefined): string | undefined =>
  does(ctx, 'hostsHaveUuids') ? node?.uuid : node?.id.toString();

async function nodeOf(deps: ApiDeps, ctx: RequestContext, id: string): Promise<ComputeNode | null> {
  if (!does(ctx, 'hostsHaveUuids')) return /^\d{1,9}$/.test(id) ? findNode(deps.stores, { id: Number(id) }) : null;
  const uuid = normalizeUuid(id);
  return uuid === null ? null : findNode(deps.stores, { uuid });
}

async function markerOf(deps: ApiDeps, ctx: RequestContext, marker: string): Promise<ComputeNode> {
  const node = await nodeOf(deps, ctx, marker);
  if (node === null) throw invalid(`marker [${marker}] not found`);
  return node;
}

/** Everything about these nodes in three statements; a node whose host has no service any more is left out. */
async function detailsOf(deps: ApiDeps, nodes: readonly ComputeNode[], wanted: Wanted): Promise<HypervisorDetail[]> {
  const { stores, settings } = deps;
  const names = nodes.map(({ name }) => name);
  const [services, usages, instances] = await Promise.all([
    listServices(stores),
    usageOfNodes(stores, names),
    wanted.servers === true ? instancesOfNodes(stores, names) : null,
  ]);
  const serviceOf = new Map(services.filter(({ binary }) => binary === 'nova-compute').map((service) => [service.host, service]));
  const instancesOf = instances === null ? null : Map.groupBy(instances, ({ node }) => node);
  const details = nodes.flatMap((node) => {
    const service = serviceOf.get(node.host);
    if (service === undefined) return [];
    const usage = usages.get(node.name) ?? { instances: 0, busy: 0, vcpus: 0, memoryMb: 0, diskGb: 0 };
    const { reserved_host_memory_mb: memoryMb, reserved_host_disk_mb: diskMb } = settings.DEFAULT;
    return {
      node,
      service,
      up: isUpNow(deps, service),
      usage: { ...usage, memoryMb: usage.memoryMb + memoryMb, diskGb: usage.diskGb + Math.ceil(diskMb / 1024) },
      servers:
        instancesOf === null
          ? null
          : (instancesOf.get(node.name) ?? []).map((instance) => ({
              uuid: instance.id,
              name: guestName(settings.DEFAULT.instance_name_template, instance),
            })),
      uptime: null,
    };
  });
  if (wanted.uptime !== true) return details;
  // a host that cannot say has none; the others are shown all the same
  return Promise.all(details.map(async (detail) => ({ ...detail, uptime: await uptimeOf(deps, detail).catch(() => null) })));
}
