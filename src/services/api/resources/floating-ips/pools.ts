import type { Network } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import { route, type ApiDeps } from '../../deps.ts';

/** The networks floating addresses come from. */
export const poolsOf = (deps: ApiDeps, session: Session): Promise<readonly Network[]> =>
  deps.network.networks(session, { 'router:external': 'true' });

export const floatingIpPoolRoutes = [
  route({
    method: 'GET',
    path: '/os-floating-ip-pools',
    until: '2.35',
    summary: 'List networks that floating addresses come from',
    policy: 'os_compute_api:os-floating-ip-pools',
    reply: { status: 200, key: 'floating_ip_pools' },
    handle: async ({ ctx, deps }) => (await poolsOf(deps, deps.identity.sessionOf(ctx.caller))).map(({ name }) => ({ name })),
  }),
];
