import { changeInstance } from '../../../../store/instances.ts';
import { route } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';

/** Where the pieces of the password are kept that the guest gave the metadata service, encrypted with the server's key. */
const piece = /^password_(\d)$/;

export const serverPasswordRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-server-password',
    summary: 'Show the encrypted password of a server',
    policy: 'os_compute_api:os-server-password:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'password' },
    handle: ({ loaded: { instance } }) =>
      Object.entries(instance.systemMetadata)
        .filter(([key]) => piece.test(key))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, text]) => text)
        .join(''),
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/os-server-password',
    summary: 'Forget the encrypted password of a server',
    policy: 'os_compute_api:os-server-password:clear',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: async ({ loaded: { instance, cellId }, deps }) => {
      await changeInstance(deps.stores.cell(cellId), instance.id, (now) => ({
        systemMetadata: Object.fromEntries(Object.entries(now.systemMetadata).filter(([key]) => !piece.test(key))),
      }));
    },
  }),
];
