import Type from 'typebox';
import type { FloatingIp } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import { invalid, isKind, notFound, overQuota } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { poolsOf } from './pools.ts';

const until = '2.35';
const CreateFloatingIp = plainBody(
  'CreateFloatingIp',
  Type.Union([Type.Null(), Type.Object({ pool: Type.Optional(Type.Union([Type.String(), Type.Null()])) })]),
);

/** Floating addresses as compute shows them: with the name of their network and the server they lead to. */
async function shown(deps: ApiDeps, session: Session, addresses: readonly FloatingIp[]) {
  const portIds = addresses.flatMap(({ portId }) => (portId === null ? [] : [portId]));
  const [pools, ports] = await Promise.all([
    poolsOf(deps, session),
    portIds.length === 0 ? [] : deps.network.ports(session, { id: portIds }),
  ]);
  return addresses.map(({ id, floatingIpAddress, fixedIpAddress, portId, networkId }) => ({
    id,
    ip: floatingIpAddress,
    fixed_ip: fixedIpAddress,
    instance_id: ports.find((port) => port.id === portId)?.deviceId || null,
    pool: pools.find((pool) => pool.id === networkId)?.name ?? networkId,
  }));
}

async function findFloatingIp(deps: ApiDeps, session: Session, id: string): Promise<FloatingIp> {
  if (normalizeUuid(id) === null) throw invalid(`Invalid ID received ${id}.`);
  const [found] = await deps.network.floatingIps(session, { id: [id] });
  if (found === undefined) throw notFound(`Floating IP not found for ID ${id}`);
  return found;
}

async function allocate(deps: ApiDeps, session: Session, wanted: string | null): Promise<FloatingIp> {
  const pools = await poolsOf(deps, session);
  const pool = wanted === null ? pools[0] : pools.find(({ id, name }) => id === wanted || name === wanted);
  if (pool === undefined) throw notFound('Floating IP pool not found.');
  try {
    return await deps.network.createFloatingIp(session, pool.id);
  } catch (error) {
    const place = wanted === null ? '' : ` in pool ${wanted}`;
    if (isKind(error, 'quota')) throw overQuota(`IP allocation over quota${place}.`, { cause: error });
    if (isKind(error, 'conflict'))
      throw notFound(wanted === null ? 'No more floating IPs available.' : `No more floating IPs${place}.`, { cause: error });
    throw error;
  }
}

/** Floating addresses of the project, kept by the network service. */
export const floatingIpRoutes = [
  route({
    method: 'GET',
    path: '/os-floating-ips',
    until,
    summary: 'List floating addresses',
    policy: 'os_compute_api:os-floating-ips:list',
    reply: { status: 200, key: 'floating_ips' },
    handle: async ({ ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      return shown(deps, session, await deps.network.floatingIps(session, { project_id: ctx.caller.projectId ?? '' }));
    },
  }),
  route({
    method: 'POST',
    path: '/os-floating-ips',
    until,
    summary: 'Allocate a floating address',
    policy: 'os_compute_api:os-floating-ips:create',
    body: { schema: CreateFloatingIp },
    reply: { status: 200, key: 'floating_ip' },
    handle: async ({ body, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const [made] = await shown(deps, session, [await allocate(deps, session, body?.pool ?? null)]);
      return made;
    },
  }),
  route({
    method: 'GET',
    path: '/os-floating-ips/:floatingIpId',
    until,
    summary: 'Show a floating address',
    policy: 'os_compute_api:os-floating-ips:show',
    reply: { status: 200, key: 'floating_ip' },
    handle: async ({ params, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const [found] = await shown(deps, session, [await findFloatingIp(deps, session, params.floatingIpId)]);
      return found;
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-floating-ips/:floatingIpId',
    until,
    summary: 'Release a floating address',
    policy: 'os_compute_api:os-floating-ips:delete',
    reply: { status: 202 },
    handle: async ({ params, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const { id } = await findFloatingIp(deps, session, params.floatingIpId);
      await deps.network.deleteFloatingIp(session, id);
    },
  }),
];
