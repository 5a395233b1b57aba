import Type from 'typebox';
import { hostNotFound } from '../../../../domain/faults.ts';
import { invalid } from '../../../../lib/errors.ts';
import { HttpError } from '../../../../lib/http/http-error.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { instancesOnHost } from '../../../../store/instances.ts';
import { findService, listServices, nodesOfHost, type ServiceRecord } from '../../../../store/services.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { isUpNow, zonesOfServices } from '../../hosts.ts';
import { enableService } from '../services/change-service.ts';
import { resourcesOfHost } from './resources-of-host.ts';

const until = '2.42';
const Switch = Type.Enum(['enable', 'Enable', 'ENABLE', 'disable', 'Disable', 'DISABLE']);
const UpdateHost = versionedBody('UpdateHost', { status: { type: Switch }, maintenance_mode: { type: Switch } }, { minProperties: 1 });
const hidden: readonly string[] = ['nova-osapi_compute', 'nova-metadata'];

/** The compute service of a host that is there and answers. */
async function computeServiceOf(deps: ApiDeps, host: string): Promise<ServiceRecord> {
  const service = await findService(deps.stores, { host, binary: 'nova-compute' });
  if (service === null) throw hostNotFound(host);
  if (!isUpNow(deps, service)) throw invalid(`Compute service of ${host} is unavailable at this time.`);
  return service;
}

const notSupported = () => new HttpError(501, 'The requested functionality is not supported.');

/** No driver of ours switches the machine itself or has a mode of maintenance for it. */
const powerRoute = (action: 'reboot' | 'shutdown' | 'startup', summary: string, rule: 'reboot' | 'shutdown' | 'start') =>
  route({
    method: 'GET',
    path: `/os-hosts/:host/${action}` as const,
    until,
    summary,
    policy: `os_compute_api:os-hosts:${rule}`,
    reply: { status: 200 },
    handle: async ({ params: { host }, deps }) => {
      await computeServiceOf(deps, host);
      throw notSupported();
    },
  });

/** Hosts by their services, as compute showed them before hypervisors. */
export const hostRoutes = [
  route({
    method: 'GET',
    path: '/os-hosts',
    until,
    summary: 'List hosts with their services',
    policy: 'os_compute_api:os-hosts:list',
    query: versionedQuery({ zone: { type: anyText } }),
    reply: { status: 200, key: 'hosts' },
    handle: async ({ query: { zone }, deps }) => {
      const [services, zoneOf] = await Promise.all([listServices(deps.stores), zonesOfServices(deps)]);
      return services
        .filter((service) => !service.disabled && !hidden.includes(service.binary))
        .map((service) => ({ host_name: service.host, service: service.topic, zone: zoneOf(service) }))
        .filter((shown) => zone === undefined || zone === '' || shown.zone === zone);
    },
  }),
  route({
    method: 'GET',
    path: '/os-hosts/:host',
    until,
    summary: 'Show what a host has and what is used of it',
    policy: 'os_compute_api:os-hosts:show',
    reply: { status: 200, key: 'host' },
    handle: async ({ params: { host }, deps }) => {
      const [node] = await nodesOfHost(deps.stores, host);
      if (node === undefined) throw hostNotFound(host);
      return resourcesOfHost(node, await instancesOnHost(deps.stores.cell(node.cellId), host));
    },
  }),
  route({
    method: 'PUT',
    path: '/os-hosts/:host',
    until,
    summary: 'Enable or disable a host',
    policy: 'os_compute_api:os-hosts:update',
    body: { schema: UpdateHost },
    reply: { status: 200 },
    handle: async ({ params: { host }, body, deps }) => {
      const service = await computeServiceOf(deps, host);
      if (body.maintenance_mode !== undefined || body.status === undefined) throw notSupported();
      const enabled = body.status.toLowerCase() === 'enable';
      await enableService(deps, service, enabled);
      return { host, status: enabled ? 'enabled' : 'disabled' };
    },
  }),
  powerRoute('reboot', 'Reboot a host', 'reboot'),
  powerRoute('shutdown', 'Shut a host down', 'shutdown'),
  powerRoute('startup', 'Switch a host on', 'start'),
];
