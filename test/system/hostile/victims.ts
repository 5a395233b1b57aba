import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../src/lib/clock.ts';
import { waitUntil } from '../../../src/lib/retry.ts';
import type { TestCloud } from '../../support/cloud.ts';
import type { Known } from './bodies.ts';
import type { Endpoint, ServiceName } from './endpoints.ts';

/** Part of the name of everything the strangers must not see. */
export const victimMark = 'victim-9c41';

/** Things of one project that hostile requests are aimed at. */
export interface Victims {
  /** The path of an endpoint with the ids of victims in it, or with `trick` in the place of all. */
  path(endpoint: Endpoint, trick?: string): string;
  /** What fields of bodies may name. */
  readonly known: Known;
}

/** The name of what every user of a cloud may see: its regions and services. */
const seenByAll = 'seen-by-all';

const nobody = '00000000-0000-4000-8000-00000000dead';

/** Makes one thing of each kind, for the administrator's own project. */
export async function makeVictims(cloud: TestCloud): Promise<Victims> {
  const { admin } = cloud;
  const make = async (service: ServiceName, path: string, key: string, body: object): Promise<string> => {
    const { status, body: answer } = await admin.ask(service, 'POST', path, { [key]: { name: victimMark, ...body } });
    if (status >= 300) throw new Error(`no victim at ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer[key].id as string;
  };
  const becomes = (collection: string, id: string): Promise<true> =>
    waitUntil(
      async () => {
        const { body } = await admin.ask('volumev3', 'GET', `/${collection}/${id}`);
        return Object.values(body as Record<string, { status: string }>)[0]?.status === 'available' ? true : null;
      },
      { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: `${collection} ${id}` },
    );
  const identity = {
    domain: await make('identity', '/domains', 'domain', { enabled: false }),
    project: await make('identity', '/projects', 'project', { domain_id: 'default' }),
    user: await make('identity', '/users', 'user', { domain_id: 'default' }),
    group: await make('identity', '/groups', 'group', { domain_id: 'default' }),
    role: await make('identity', '/roles', 'role', {}),
    service: await make('identity', '/services', 'service', { name: 'seen-by-all', type: 'seen' }),
  };
  await admin.ask('identity', 'POST', '/regions', { region: { id: seenByAll } });
  const endpoint = await make('identity', '/endpoints', 'endpoint', {
    service_id: identity.service,
    interface: 'public',
    name: 'seen-by-all',
    url: 'http://seen.example/',
    region_id: seenByAll,
  });
  const network = await make('network', '/networks', 'network', {});
  const subnet = await make('network', '/subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.9.8.0/24' });
  const port = await make('network', '/ports', 'port', { network_id: network });
  const router = await make('network', '/routers', 'router', {});
  const group = await make('network', '/security-groups', 'security_group', {});
  const image = (await admin.ask('image', 'POST', '/images', { name: victimMark, disk_format: 'raw', container_format: 'bare' })).body
    .id as string;
  const provider = '3f0c3a52-8a5a-4d3c-9f0a-00000000beef';
  const placement = { 'openstack-api-version': 'placement 1.39' };
  await admin.ask('placement', 'POST', '/resource_providers', { name: victimMark, uuid: provider }, placement);
  await admin.ask(
    'placement',
    'PUT',
    `/resource_providers/${provider}/inventories`,
    { resource_provider_generation: 0, inventories: { VCPU: { total: 4 } } },
    placement,
  );
  await admin.ask('placement', 'PUT', '/traits/CUSTOM_VICTIM', undefined, placement);
  await admin.ask('placement', 'PUT', '/resource_classes/CUSTOM_VICTIM', undefined, placement);
  const flavor = await make('compute', '/flavors', 'flavor', { ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false });
  await admin.ask('compute', 'POST', '/os-keypairs', { keypair: { name: victimMark, type: 'x509', public_key: 'none' } });
  const aggregate = await make('compute', '/os-aggregates', 'aggregate', {});
  // a name that makes a slow regular expression slow
  const name = `${victimMark}-${'a'.repeat(200)}!`;
  const server = (
    await admin.ask('compute', 'POST', '/servers', { server: { name, imageRef: cloud.imageId, flavorRef: '1', networks: 'none' } })
  ).body.server.id as string;
  await cloud.settled(admin, server, 'ACTIVE');

  const volume = await make('volumev3', '/volumes', 'volume', { size: 1 });
  await becomes('volumes', volume);
  const snapshot = await make('volumev3', '/snapshots', 'snapshot', { volume_id: volume });
  await becomes('snapshots', snapshot);
  // of a server that this cloud has never had: an attachment that one of its own does not know is ended by the audit
  const attachment = await make('volumev3', '/attachments', 'attachment', { volume_uuid: volume, instance_uuid: randomUUID() });
  const volumeType = await make('volumev3', '/types', 'volume_type', { 'os-volume-type-access:is_public': false });
  const qosSpecs = await make('volumev3', '/qos-specs', 'qos_specs', {});
  const offered = await make('volumev3', '/volumes', 'volume', { size: 1 });
  await becomes('volumes', offered);
  const transfer = await make('volumev3', '/os-volume-transfer', 'transfer', { volume_id: offered });

  /** By the service and the part of the path before a parameter. */
  const ids: Readonly<Record<string, string>> = {
    'compute servers': server,
    'compute flavors': flavor,
    'compute os-keypairs': victimMark,
    'compute os-aggregates': aggregate,
    'compute os-quota-sets': identity.project,
    'compute os-quota-class-sets': victimMark,
    'compute os-extra_specs': 'hw:cpu_policy',
    'identity domains': identity.domain,
    'identity projects': identity.project,
    'identity users': identity.user,
    'identity groups': identity.group,
    'identity roles': identity.role,
    'identity implies': identity.role,
    'identity services': identity.service,
    'identity endpoints': endpoint,
    'identity regions': seenByAll,
    'identity tags': 'tag',
    'image images': image,
    'image members': identity.project,
    'image tags': 'victim',
    'network networks': network,
    'network subnets': subnet,
    'network ports': port,
    'network routers': router,
    'network security-groups': group,
    'network tags': 'victim',
    'network quotas': identity.project,
    'network bindings': 'fake-1',
    'network agents': 'fake-1',
    'volumev3 volumes': volume,
    'volumev3 snapshots': snapshot,
    'volumev3 attachments': attachment,
    'volumev3 types': volumeType,
    'volumev3 qos-specs': qosSpecs,
    'volumev3 os-volume-transfer': transfer,
    'volumev3 volume-transfers': transfer,
    'volumev3 os-quota-sets': identity.project,
    'volumev3 os-quota-class-sets': 'default',
    'placement resource_providers': provider,
    'placement inventories': 'VCPU',
    'placement traits': 'CUSTOM_VICTIM',
    'placement resource_classes': 'CUSTOM_VICTIM',
  };
  return {
    path({ service, path }, trick) {
      const parts = path.split('/');
      return parts
        .map((part, at) => (part.startsWith(':') ? (trick ?? ids[`${service} ${parts[at - 1] ?? ''}`] ?? nobody) : part))
        .join('/');
    },
    known: {
      imageRef: cloud.imageId,
      flavorRef: '1',
      network_id: network,
      subnet_id: subnet,
      port_id: port,
      router_id: router,
      security_group_id: group,
      domain_id: 'default',
      project_id: identity.project,
      tenant_id: identity.project,
      service_id: identity.service,
      region_id: seenByAll,
      region: seenByAll,
      host: 'fake-1',
      networks: 'none',
      resource_provider_generation: 1,
      consumer_generation: null,
      user_id: identity.user,
      member: identity.project,
      metadata: { key: 'value' },
    },
  };
}
