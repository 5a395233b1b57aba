import { notFound } from '../../../../lib/errors.ts';
import { route } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { plainAddressesOf } from '../servers/view.ts';

export const serverAddressRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/ips',
    summary: 'List addresses of a server',
    policy: 'os_compute_api:ips:index',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'addresses' },
    handle: ({ loaded }) => plainAddressesOf(loaded.instance),
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/ips/:network',
    summary: 'List addresses of a server on one network',
    policy: 'os_compute_api:ips:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200 },
    handle: ({ params: { network }, loaded }) => {
      const all = plainAddressesOf(loaded.instance);
      if (!Object.hasOwn(all, network)) throw notFound('Instance is not a member of specified network');
      return { [network]: all[network] };
    },
  }),
];
