import type { Network } from '../../../../clients/network.ts';
import type { RequestedNetworks } from '../../../../domain/network-info.ts';
import { conflict, forbidden, invalid, isKind, overQuota } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import type { ApiDeps } from '../../deps.ts';

interface Item {
  readonly uuid?: string;
  readonly port?: string | null;
  readonly fixed_ip?: string;
  readonly tag?: string;
}

/**
 * What a create request asks of the network, checked against the network service in the caller's name. Nothing asked for means the
 * project's only network; none there, none taken; several are ambiguous (409).
 */
export async function resolveNetworks(
  deps: ApiDeps,
  ctx: RequestContext,
  asked: 'none' | 'auto' | readonly Item[] | undefined,
  servers: number,
): Promise<RequestedNetworks> {
  if (asked === 'none') return 'none';
  const session = deps.identity.sessionOf(ctx.caller);
  if (asked === undefined || asked === 'auto' || asked.length === 0) {
    const usable = await usableNetworks(deps, ctx);
    if (usable.length === 0) {
      return asked === 'auto' ? allocatable(deps, ctx, servers) : 'none';
    }
    if (usable.length > 1 && asked !== 'auto') throw conflict('Multiple possible networks found, use a Network ID to be more specific.');
    await refuseTooManyPorts(deps, ctx, servers);
    return [{ networkId: usable[0]!.id, portId: null, fixedIp: null, tag: null }];
  }
  ctx.authorize('os_compute_api:servers:create:attach_network');
  const items = asked.map((item) => readItem(item));
  const portIds = items.flatMap(({ portId }) => (portId === null ? [] : [portId]));
  if (new Set(portIds).size !== portIds.length) throw invalid('Duplicate ports given.');
  if (servers > 1 && items.some(({ portId, fixedIp }) => portId !== null || fixedIp !== null)) {
    throw invalid(
      portIds.length > 0
        ? 'Invalid launch multiple instances: a port can be used by one of them only.'
        : 'max_count cannot be greater than 1 if an fixed_ip is specified.',
    );
  }
  for (const portId of portIds) {
    const port = await deps.network.port(session, portId).catch((error: unknown) => {
      if (isKind(error, 'notFound')) throw invalid(`Port ${portId} could not be found.`);
      throw error;
    });
    if (port.deviceId !== '') throw conflict(`Port ${portId} is still in use.`);
    if (port.fixedIps.length === 0) throw invalid(`Port ${portId} requires a FixedIP in order to be used.`);
  }
  const networkIds = [...new Set(items.flatMap(({ networkId }) => (networkId === null ? [] : [networkId])))];
  if (networkIds.length > 0) {
    const fits = refuseTooManyPorts(deps, ctx, servers * items.filter(({ portId }) => portId === null).length);
    fits.catch(() => undefined); // a network that is wrong is told first
    const networks = await deps.network.networks(session, { id: networkIds });
    for (const id of networkIds)
      refuseUnusable(
        ctx,
        networks.find((network) => network.id === id),
        id,
      );
    await fits;
  }
  return items;
}

/** That a network can be given to a project which has none; it is made when the first of its servers is built. */
async function allocatable(deps: ApiDeps, ctx: RequestContext, servers: number): Promise<'auto'> {
  const projectId = ctx.caller.projectId ?? '';
  try {
    await deps.network.checkAutoAllocate(deps.identity.sessionOf(ctx.caller), projectId);
  } catch (error) {
    if (isKind(error, 'conflict', 'notFound'))
      throw invalid(`Unable to automatically allocate a network for project ${projectId}`, { cause: error });
    throw error;
  }
  await refuseTooManyPorts(deps, ctx, servers);
  return 'auto';
}

function readItem({ uuid, port, fixed_ip: fixedIp, tag }: Item) {
  const networkId = uuid === undefined ? null : normalizeUuid(uuid);
  if (port != null) {
    if (fixedIp !== undefined)
      throw invalid(`Specified Fixed IP '${fixedIp}' cannot be used with port '${port}': the two cannot be specified together.`);
    return { networkId: null, portId: normalizeUuid(port), fixedIp: null, tag: tag ?? null };
  }
  if (networkId === null) throw invalid(`Bad networks format: network uuid is not in proper format (${uuid ?? 'none'})`);
  return { networkId, portId: null, fixedIp: fixedIp ?? null, tag: tag ?? null };
}

export function refuseUnusable(ctx: RequestContext, network: Network | undefined, id: string): void {
  if (network === undefined) throw invalid(`Network ${id} could not be found.`);
  if (network.subnetIds.length === 0) throw invalid(`Network ${id} requires a subnet in order to boot instances on.`);
  if (network.external && !network.shared && !ctx.can('network:attach_external_network'))
    throw forbidden(`It is not allowed to create an interface on external network ${id}`);
}

/** The networks a server without a wish goes to: the project's own, else the shared ones. */
export async function usableNetworks(deps: ApiDeps, ctx: RequestContext): Promise<readonly Network[]> {
  const session = deps.identity.sessionOf(ctx.caller);
  const usable = (networks: readonly Network[]): Network[] =>
    networks.filter((network) => network.adminStateUp && network.subnetIds.length > 0 && !network.external);
  const [own, shared] = await Promise.all([
    deps.network.networks(session, { tenant_id: ctx.caller.projectId ?? '' }),
    deps.network.networks(session, { shared: 'true' }),
  ]);
  return usable([...new Map([...own, ...shared].map((network) => [network.id, network])).values()]);
}

export async function refuseTooManyPorts(deps: ApiDeps, ctx: RequestContext, wanted: number): Promise<void> {
  const quota = await deps.network.portQuota(deps.identity.sessionOf(ctx.caller), ctx.caller.projectId ?? '');
  if (quota !== null && quota.limit >= 0 && quota.used + wanted > quota.limit) throw overQuota('Maximum number of ports exceeded');
}
