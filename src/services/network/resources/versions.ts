import { route } from '../deps.ts';

/** What `/v2.0` holds, as its version document lists it. */
const collections = [
  ['network', 'networks'],
  ['subnet', 'subnets'],
  ['port', 'ports'],
  ['router', 'routers'],
  ['floatingip', 'floatingips'],
  ['security_group', 'security-groups'],
  ['security_group_rule', 'security-group-rules'],
  ['rbac_policy', 'rbac-policies'],
  ['quota', 'quotas'],
  ['agent', 'agents'],
  ['extension', 'extensions'],
  ['availability_zone', 'availability_zones'],
  ['network_ip_availability', 'network-ip-availabilities'],
  ['service_provider', 'service-providers'],
  ['subnetpool', 'subnetpools'],
] as const;

const resources = (baseUrl: string): { readonly resources: readonly unknown[] } => ({
  resources: collections.map(([name, collection]) => ({
    name,
    collection,
    links: [{ rel: 'self', href: `${baseUrl}/v2.0/${collection}` }],
  })),
});

/** Who comes to know the API's address asks here what it is. */
export const versionRoutes = [
  route({
    method: 'GET',
    path: '/',
    summary: 'List API versions',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ ctx }) => ({ versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${ctx.baseUrl}/v2.0/` }] }] }),
  }),
  route({
    method: 'GET',
    path: '/v2.0',
    summary: 'Show the API version',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ ctx }) => resources(ctx.baseUrl),
  }),
  route({
    method: 'GET',
    path: '/v2.0/',
    summary: 'Show the API version',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ ctx }) => resources(ctx.baseUrl),
  }),
];
