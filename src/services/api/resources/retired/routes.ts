import { goneForGood } from '../../../../lib/http/fault-format.ts';
import type { Method } from '../../../../lib/http/route.ts';
import { route } from '../../deps.ts';

/** What the Compute API has withdrawn for good, by what it once was: 410 at every microversion, whatever is sent. */
const retired: Readonly<Record<string, Readonly<Record<string, readonly Method[]>>>> = {
  'agents of guests': { '/os-agents': ['GET', 'POST'], '/os-agents/:agentId': ['PUT', 'DELETE'] },
  'the first cells': {
    '/os-cells': ['GET', 'POST'],
    '/os-cells/capacities': ['GET'],
    '/os-cells/detail': ['GET'],
    '/os-cells/info': ['GET'],
    '/os-cells/sync_instances': ['POST'],
    '/os-cells/:cellId': ['GET', 'PUT', 'DELETE'],
    '/os-cells/:cellId/capacities': ['GET'],
  },
  certificates: { '/os-certificates': ['POST'], '/os-certificates/:certificateId': ['GET'] },
  'cloudpipe, servers that were VPNs': { '/os-cloudpipe': ['GET', 'POST'], '/os-cloudpipe/:cloudpipeId': ['PUT'] },
  'consoles of XenServer': { '/servers/:serverId/consoles': ['GET', 'POST'], '/servers/:serverId/consoles/:consoleId': ['GET', 'DELETE'] },
  'virtual interfaces': { '/servers/:serverId/os-virtual-interfaces': ['GET'] },
  'fixed addresses': { '/os-fixed-ips/:address': ['GET'], '/os-fixed-ips/:address/action': ['POST'] },
  'DNS of floating addresses': {
    '/os-floating-ip-dns': ['GET'],
    '/os-floating-ip-dns/:domainId': ['PUT', 'DELETE'],
    '/os-floating-ip-dns/:domainId/entries/:entryId': ['GET', 'PUT', 'DELETE'],
  },
  'floating addresses in bulk': { '/os-floating-ips-bulk': ['GET', 'POST'], '/os-floating-ips-bulk/:hostOrVerb': ['GET', 'PUT'] },
  'pings of servers': { '/os-fping': ['GET'], '/os-fping/:serverId': ['GET'] },
  'changes of networks': {
    '/os-networks': ['POST'],
    '/os-networks/add': ['POST'],
    '/os-networks/:networkId': ['DELETE'],
    '/os-networks/:networkId/action': ['POST'],
    '/os-tenant-networks': ['POST'],
    '/os-tenant-networks/:networkId': ['DELETE'],
  },
  'rules that new security groups began with': {
    '/os-security-group-default-rules': ['GET', 'POST'],
    '/os-security-group-default-rules/:ruleId': ['GET', 'DELETE'],
  },
};

export const retiredRoutes = Object.entries(retired).flatMap(([what, paths]) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    methods.map((method) =>
      route({
        method,
        path,
        summary: `Withdrawn: ${what}`,
        policy: 'authenticated',
        body: 'any',
        reply: { status: 410 },
        handle: () => {
          throw goneForGood();
        },
      }),
    ),
  ),
);
