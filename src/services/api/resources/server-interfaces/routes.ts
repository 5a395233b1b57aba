import Type from 'typebox';
import type { Instance } from '../../../../domain/instance.ts';
import type { Vif } from '../../../../domain/network-info.ts';
import { notFound } from '../../../../lib/errors.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { route } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { operate } from '../servers/operate.ts';
import { attachInterface, AttachInterface } from './attach-interface.ts';

const Text = Type.String();

const interfaceView = versionedView<Vif>('InterfaceAttachment', {
  net_id: { type: Text, get: (vif) => vif.networkId },
  port_id: { type: Text, get: (vif) => vif.portId },
  mac_addr: { type: Text, get: (vif) => vif.macAddress },
  port_state: { type: Type.Enum(['ACTIVE', 'DOWN']), get: (vif) => (vif.active ? 'ACTIVE' : 'DOWN') },
  fixed_ips: {
    type: Type.Array(Type.Object({ ip_address: Text, subnet_id: Text })),
    get: (vif) => vif.subnets.flatMap(({ id, addresses }) => addresses.map(({ address }) => ({ ip_address: address, subnet_id: id }))),
  },
  tag: { since: '2.70', type: Type.Union([Text, Type.Null()]), get: (vif) => vif.tag },
});

const noSuchPort = (instance: Instance, portId: string) => notFound(`Instance ${instance.id} does not have a port with id ${portId}`);

export const serverInterfaceRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-interface',
    summary: 'List interfaces of a server',
    policy: 'os_compute_api:os-attach-interfaces:list',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'interfaceAttachments' },
    handle: ({ loaded, ctx }) => loaded.instance.networkInfo.map((vif) => interfaceView.render(vif, ctx)),
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/os-interface/:portId',
    summary: 'Show an interface of a server',
    policy: 'os_compute_api:os-attach-interfaces:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'interfaceAttachment', view: interfaceView },
    handle: ({ params: { portId }, loaded: { instance } }) => {
      const vif = instance.networkInfo.find((one) => one.portId === portId);
      if (vif === undefined) throw noSuchPort(instance, portId);
      return vif;
    },
  }),
  route({
    method: 'POST',
    path: '/servers/:serverId/os-interface',
    summary: 'Attach an interface to a server',
    policy: 'os_compute_api:os-attach-interfaces:create',
    load: findServer,
    target: ownerOf,
    body: { schema: AttachInterface },
    reply: { status: 200, key: 'interfaceAttachment', view: interfaceView },
    handle: ({ body, loaded, ctx, deps }) => attachInterface(deps, ctx, loaded, body.interfaceAttachment ?? {}),
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/os-interface/:portId',
    summary: 'Detach an interface from a server',
    policy: 'os_compute_api:os-attach-interfaces:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 202 },
    handle: async ({ params: { portId }, loaded, ctx, deps }) => {
      if (!loaded.instance.networkInfo.some((one) => one.portId === portId)) throw noSuchPort(loaded.instance, portId);
      await operate(deps, ctx, loaded, 'detachInterface', { name: 'detach-interface', params: { portId } });
    },
  }),
];
