import { notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { Network } from '../../../../clients/network.ts';
import { route, type ApiDeps } from '../../deps.ts';

const until = '2.35';

/** What compute once knew of networks of its own; the network service has no words for it. */
const unknown = ['cidr', 'netmask', 'gateway', 'broadcast', 'dns1', 'dns2', 'cidr_v6', 'gateway_v6', 'netmask_v6'];
const unknownToAdmins = [
  'created_at',
  'updated_at',
  'deleted_at',
  'deleted',
  'injected',
  'bridge',
  'vlan',
  'vpn_public_address',
  'vpn_public_port',
  'vpn_private_address',
  'dhcp_start',
  'project_id',
  'host',
  'bridge_interface',
  'multi_host',
  'priority',
  'rxtx_base',
  'mtu',
  'dhcp_server',
  'enable_dhcp',
  'share_address',
];

const asNetwork = ({ id, name }: Network, ctx: RequestContext) => ({
  ...Object.fromEntries([...unknown, ...(ctx.caller.isAdmin ? unknownToAdmins : [])].map((key) => [key, null])),
  id,
  label: name,
});
const asTenantNetwork = ({ id, name }: Network) => ({ id, cidr: 'None', label: name });

async function networkOf(deps: ApiDeps, ctx: RequestContext, id: string): Promise<Network> {
  const [network] = await deps.network.networks(deps.identity.sessionOf(ctx.caller), { id: [id] });
  if (network === undefined) throw notFound('Network not found');
  return network;
}

/** Networks as compute showed them, read from the network service. */
export const networkRoutes = (
  [
    ['os-networks', asNetwork, 'Networks', 'os_compute_api:os-networks:list', 'os_compute_api:os-networks:show'],
    [
      'os-tenant-networks',
      asTenantNetwork,
      'Networks of the project',
      'os_compute_api:os-tenant-networks:list',
      'os_compute_api:os-tenant-networks:show',
    ],
  ] as const
).flatMap(([collection, show, summary, list, one]) => [
  route({
    method: 'GET',
    path: `/${collection}`,
    until,
    summary,
    policy: list,
    reply: { status: 200, key: 'networks' },
    handle: async ({ ctx, deps }) =>
      (await deps.network.networks(deps.identity.sessionOf(ctx.caller))).map((network) => show(network, ctx)),
  }),
  route({
    method: 'GET',
    path: `/${collection}/:networkId`,
    until,
    summary: `${summary}, one`,
    policy: one,
    reply: { status: 200, key: 'network' },
    handle: async ({ params, ctx, deps }) => show(await networkOf(deps, ctx, (params as { readonly networkId: string }).networkId), ctx),
  }),
]);
