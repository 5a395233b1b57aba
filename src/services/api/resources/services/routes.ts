import { listServices } from '../../../../store/services.ts';
import { route } from '../../deps.ts';
import { isUpNow, zonesOfServices } from '../../hosts.ts';
import { ChangeNamedService, ListServices, UpdateService } from './bodies.ts';
import { changeNamedService, changeService } from './change-service.ts';
import { deleteService } from './delete-service.ts';
import { serviceView } from './view.ts';

/** Programs that only answer requests: nobody is interested in where. */
const hidden: readonly string[] = ['nova-osapi_compute', 'nova-metadata'];

export const serviceRoutes = [
  route({
    method: 'GET',
    path: '/os-services',
    summary: 'List services',
    policy: 'os_compute_api:os-services:list',
    query: ListServices,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const [services, zoneOf] = await Promise.all([listServices(deps.stores), zonesOfServices(deps)]);
      const { host, binary } = query;
      const wanted = services.filter(
        (service) =>
          !hidden.includes(service.binary) &&
          (host === undefined || service.host === host) &&
          (binary === undefined || service.binary === binary),
      );
      return { services: wanted.map((service) => serviceView.render({ service, zone: zoneOf(service), up: isUpNow(deps, service) }, ctx)) };
    },
  }),
  route({
    method: 'PUT',
    path: '/os-services/:serviceId',
    until: '2.52',
    summary: 'Enable, disable or force down a service',
    policy: 'os_compute_api:os-services:update',
    body: { schema: ChangeNamedService },
    reply: { status: 200, key: 'service' },
    handle: ({ params, body, ctx, deps }) => changeNamedService(deps, ctx, params.serviceId, body),
  }),
  route({
    method: 'PUT',
    path: '/os-services/:serviceId',
    since: '2.53',
    summary: 'Enable, disable or force down a service',
    policy: 'os_compute_api:os-services:update',
    body: { schema: UpdateService },
    reply: { status: 200, key: 'service', view: serviceView },
    handle: async ({ params, body, deps }) => {
      const service = await changeService(deps, params.serviceId, body);
      return { service, zone: (await zonesOfServices(deps))(service), up: isUpNow(deps, service) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-services/:serviceId',
    summary: 'Delete a service',
    policy: 'os_compute_api:os-services:delete',
    reply: { status: 204 },
    handle: ({ params, ctx, deps }) => deleteService(deps, ctx, params.serviceId),
  }),
];
