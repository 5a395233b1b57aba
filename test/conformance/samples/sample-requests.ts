import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import type { SampleWorld } from './sample-world.ts';

interface Heard {
  readonly status: number;
  readonly body: unknown;
}
type SampleRequest = (world: SampleWorld, version: string) => Promise<Heard>;

const get =
  (path: (world: SampleWorld) => string): SampleRequest =>
  (world, version) =>
    world.session.ask('GET', path(world), { version });
const ask =
  (method: string, path: (world: SampleWorld) => string, body: (world: SampleWorld, version: string) => unknown): SampleRequest =>
  (world, version) =>
    world.session.ask(method, path(world), { version, body: body(world, version) });

/** Whether a version is that or a newer one. */
const since = (version: string, of: number): boolean => version === 'latest' || Number(version.split('.')[1]) >= of;

/** One request, with what it made taken away again. */
const thenDelete =
  (request: SampleRequest, path: (body: never) => string): SampleRequest =>
  async (world, version) => {
    const heard = await request(world, version);
    if (heard.status < 300) await world.session.ask('DELETE', path(heard.body as never), { version });
    return heard;
  };

const flavor = (world: SampleWorld, version: string) => ({
  flavor: { name: world.name(), ram: 64, vcpus: 1, disk: 0, ...(since(version, 55) ? { description: 'a sample' } : {}) },
});
const newFlavor = thenDelete(
  ask('POST', () => '/flavors', flavor),
  ({ flavor: made }: { flavor: { id: string } }) => `/flavors/${made.id}`,
);
/** An OpenSSH public key. */
function publicKey(): string {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(x ?? '', 'base64url'))]).toString('base64')}`;
}
const keyPair = (world: SampleWorld, version: string, more: object = {}) => ({
  keypair: {
    name: world.name(),
    ...(since(version, 2) ? { type: 'ssh' } : {}),
    ...(since(version, 10) ? { user_id: world.session.userId } : {}),
    ...more,
  },
});
const newKey = (more: () => object): SampleRequest =>
  thenDelete(
    ask(
      'POST',
      () => '/os-keypairs',
      (world, version) => keyPair(world, version, more()),
    ),
    ({ keypair }: { keypair: { name: string } }) => `/os-keypairs/${keypair.name}`,
  );
const oneKey: SampleRequest = async (world, version) => {
  const made = (await world.session.ask('POST', '/os-keypairs', { version: '2.2', body: { keypair: { name: world.name() } } })).body.keypair
    .name as string;
  const heard = await world.session.ask('GET', `/os-keypairs/${made}`, { version });
  await world.session.ask('DELETE', `/os-keypairs/${made}`);
  return heard;
};

/** Does something to an aggregate of its own. */
const ofAggregate =
  (action: (world: SampleWorld) => object): SampleRequest =>
  async (world, version) => {
    const { ask: say } = world.session;
    const { id } = (await say('POST', '/os-aggregates', { body: { aggregate: { name: world.name() } } })).body.aggregate as { id: number };
    const wanted = action(world);
    if ('remove_host' in wanted) await say('POST', `/os-aggregates/${id}/action`, { body: { add_host: { host: world.host } } });
    const heard = await say('POST', `/os-aggregates/${id}/action`, { version, body: wanted });
    await say('POST', `/os-aggregates/${id}/action`, { body: { remove_host: { host: world.host } } });
    await say('DELETE', `/os-aggregates/${id}`);
    return heard;
  };

const group = (world: SampleWorld, version: string) => ({
  server_group: {
    name: world.name(),
    ...(since(version, 64) ? { policy: 'anti-affinity', rules: { max_server_per_host: 3 } } : { policies: ['anti-affinity'] }),
  },
});
const newGroup = thenDelete(
  ask('POST', () => '/os-server-groups', group),
  ({ server_group: made }: { server_group: { id: string } }) => `/os-server-groups/${made.id}`,
);

/** The old way names host and binary, the new one the service. */
const service =
  (verb: string, change: object): SampleRequest =>
  async (world, version) => {
    const old = {
      binary: 'nova-compute',
      host: (await world.session.ask('GET', `/os-services`)).body.services.find(({ id }: { id: number }) => id === world.serviceId).host,
    };
    if (verb === 'enable')
      await world.session.ask('PUT', `/os-services/${world.serviceUuid}`, { version: '2.53', body: { status: 'disabled' } });
    const heard = since(version, 53)
      ? await world.session.ask('PUT', `/os-services/${world.serviceUuid}`, { version, body: change })
      : await world.session.ask('PUT', `/os-services/${verb}`, {
          version,
          body: { ...old, ...('status' in change ? {} : change), ...('disabled_reason' in change ? { disabled_reason: 'test' } : {}) },
        });
    await world.session.ask('PUT', `/os-services/${world.serviceUuid}`, {
      version: '2.53',
      body: { status: 'enabled', forced_down: false },
    });
    return heard;
  };

const hypervisor =
  (rest: string): SampleRequest =>
  async (world, version) =>
    world.session.ask('GET', `/os-hypervisors/${since(version, 53) ? world.hypervisorUuid : world.hypervisorId}${rest}`, { version });

const onServer = (rest: string): SampleRequest => get(({ serverId }) => `/servers/${serverId}${rest}`);
const far = '2100-01-01T00:00:00Z';

const newServer: SampleRequest = thenDelete(
  ask(
    'POST',
    () => '/servers',
    (world) => ({
      server: { name: world.name(), imageRef: world.imageId, flavorRef: '1', networks: [{ uuid: world.networkId }] },
    }),
  ),
  ({ server }: { server: { id: string } }) => `/servers/${server.id}`,
);
/** Two at once; those that were there before stay. */
const severalServers =
  (reservation: boolean): SampleRequest =>
  async (world, version) => {
    const { ask: say } = world.session;
    const name = world.name();
    const more = reservation ? { return_reservation_id: 'True' } : {};
    const wanted = { name, imageRef: world.imageId, flavorRef: '1', min_count: '1', max_count: '2', ...more };
    const heard = await say('POST', '/servers', { version, body: { server: wanted } });
    const { servers } = (await say('GET', `/servers?name=${name}`)).body as { servers: { id: string }[] };
    for (const { id } of servers) await say('DELETE', `/servers/${id}`);
    return heard;
  };

/** Begins with the state an action needs, and waits for it to be over. */
const rebuilt: SampleRequest = async (world, version) => {
  const heard = await world.session.ask('POST', `/servers/${world.serverId}/action`, {
    version,
    body: { rebuild: { imageRef: world.imageId } },
  });
  await world.session.until(
    `/servers/${world.serverId}`,
    (body) => body.server?.status === 'ACTIVE' && body.server['OS-EXT-STS:task_state'] === null,
  );
  return heard;
};
const consoleOf =
  (key: string, type: string): SampleRequest =>
  (world, version) =>
    world.session.ask('POST', `/servers/${world.serverId}/action`, { version, body: { [key]: { type } } });
const remoteConsole = (protocol: string, type: string): SampleRequest =>
  ask(
    'POST',
    ({ serverId }) => `/servers/${serverId}/remote-consoles`,
    () => ({ remote_console: { protocol, type } }),
  );

/** What to ask for a published answer, by its name. */
export const sampleRequests: Readonly<Record<string, SampleRequest>> = {
  'extension-info/extensions-get-resp': get(() => '/extensions/os-agents'),
  'extension-info/extensions-list-resp': get(() => '/extensions'),
  'flavor-access/flavor-access-list-resp': async (world, version) => {
    const { ask: say } = world.session;
    const { id } = (
      await say('POST', '/flavors', {
        body: { flavor: { name: world.name(), ram: 64, vcpus: 1, disk: 0, 'os-flavor-access:is_public': false } },
      })
    ).body.flavor;
    await say('POST', `/flavors/${id}/action`, { body: { addTenantAccess: { tenant: world.session.projectId } } });
    const heard = await say('GET', `/flavors/${id}/os-flavor-access`, { version });
    await say('DELETE', `/flavors/${id}`);
    return heard;
  },
  'flavor-extra-specs/flavor-extra-specs-create-resp': ask(
    'POST',
    () => '/flavors/1/os-extra_specs',
    () => ({ extra_specs: { 'hw:numa_nodes': '1' } }),
  ),
  'flavor-extra-specs/flavor-extra-specs-get-resp': get(() => '/flavors/1/os-extra_specs/hw:numa_nodes'),
  'flavor-extra-specs/flavor-extra-specs-list-resp': get(() => '/flavors/1/os-extra_specs'),
  'flavor-manage/flavor-create-post-resp': newFlavor,
  'flavor-manage/flavor-update-resp': ask(
    'PUT',
    () => '/flavors/1',
    () => ({ flavor: { description: 'a sample' } }),
  ),
  'flavors/flavor-get-resp': get(() => '/flavors/1'),
  'flavors/flavors-detail-resp': get(() => '/flavors/detail'),
  'flavors/flavors-list-resp': get(() => '/flavors'),
  'images/image-get-resp': get(({ imageId }) => `/images/${imageId}`),
  'images/images-details-get-resp': get(() => '/images/detail'),
  'images/images-list-get-resp': get(() => '/images'),
  'images/image-metadata-get-resp': get(({ imageId }) => `/images/${imageId}/metadata`),
  'limits/limit-get-resp': get(() => '/limits'),
  'os-aggregates/aggregate-post-resp': thenDelete(
    ask(
      'POST',
      () => '/os-aggregates',
      (world) => ({ aggregate: { name: world.name(), availability_zone: 'london' } }),
    ),
    ({ aggregate }: { aggregate: { id: number } }) => `/os-aggregates/${aggregate.id}`,
  ),
  'os-aggregates/aggregate-update-post-resp': ask(
    'PUT',
    ({ aggregateId }) => `/os-aggregates/${aggregateId}`,
    (world) => ({ aggregate: { name: world.name() } }),
  ),
  'os-aggregates/aggregates-add-host-post-resp': ofAggregate(({ host }) => ({ add_host: { host } })),
  'os-aggregates/aggregates-remove-host-post-resp': ofAggregate(({ host }) => ({ remove_host: { host } })),
  'os-aggregates/aggregates-metadata-post-resp': ofAggregate(() => ({ set_metadata: { metadata: { key: 'value' } } })),
  'os-aggregates/aggregates-get-resp': get(({ aggregateId }) => `/os-aggregates/${aggregateId}`),
  'os-aggregates/aggregates-list-get-resp': get(() => '/os-aggregates'),
  'os-attach-interfaces/attach-interfaces-list-resp': onServer('/os-interface'),
  'os-availability-zone/availability-zone-detail-resp': get(() => '/os-availability-zone/detail'),
  'os-availability-zone/availability-zone-list-resp': get(() => '/os-availability-zone'),
  'os-console-output/console-output-post-resp': ask(
    'POST',
    ({ serverId }) => `/servers/${serverId}/action`,
    () => ({ 'os-getConsoleOutput': {} }),
  ),
  'os-floating-ip-pools/floatingippools-list-resp': get(() => '/os-floating-ip-pools'),
  'os-floating-ips/floating-ips-list-resp': get(() => '/os-floating-ips'),
  'os-floating-ips/floating-ips-create-resp': thenDelete(
    ask(
      'POST',
      () => '/os-floating-ips',
      () => ({ pool: 'public' }),
    ),
    ({ floating_ip: made }: { floating_ip: { id: string } }) => `/os-floating-ips/${made.id}`,
  ),
  'os-hosts/host-get-resp': get(({ host }) => `/os-hosts/${host}`),
  'os-hosts/hosts-list-resp': get(() => '/os-hosts'),
  'os-hypervisors/hypervisors-detail-resp': get(() => '/os-hypervisors/detail?limit=1'),
  'os-hypervisors/hypervisors-detail-with-servers-resp': get(() => '/os-hypervisors/detail?with_servers=1'),
  'os-hypervisors/hypervisors-list-resp': get(() => '/os-hypervisors?limit=1'),
  'os-hypervisors/hypervisors-search-resp': (world, version) =>
    world.session.ask(
      'GET',
      since(version, 53)
        ? `/os-hypervisors?hypervisor_hostname_pattern=${world.hypervisorName}`
        : `/os-hypervisors/${world.hypervisorName}/search`,
      { version },
    ),
  'os-hypervisors/hypervisors-show-resp': hypervisor(''),
  'os-hypervisors/hypervisors-show-with-servers-resp': hypervisor('?with_servers=1'),
  'os-hypervisors/hypervisors-statistics-resp': get(() => '/os-hypervisors/statistics'),
  'os-hypervisors/hypervisors-uptime-resp': hypervisor('/uptime'),
  'os-instance-actions/instance-action-get-resp': get(
    ({ serverId, actionRequestId }) => `/servers/${serverId}/os-instance-actions/${actionRequestId}`,
  ),
  'os-instance-actions/instance-actions-list-resp': onServer('/os-instance-actions'),
  'os-instance-actions/instance-actions-list-with-changes-before': onServer(`/os-instance-actions?changes-before=${far}`),
  'os-instance-actions/instance-actions-list-with-changes-since': onServer('/os-instance-actions?changes-since=2001-01-01'),
  'os-instance-usage-audit-log/inst-usage-audit-log-index-get-resp': get(() => '/os-instance_usage_audit_log'),
  'os-instance-usage-audit-log/inst-usage-audit-log-show-get-resp': get(() => '/os-instance_usage_audit_log/2026-07-05%2000%3A00%3A00'),
  'os-keypairs/keypairs-get-resp': oneKey,
  'os-keypairs/keypairs-import-post-resp': newKey(() => ({ public_key: publicKey() })),
  'os-keypairs/keypairs-list-resp': get(() => '/os-keypairs?limit=1'),
  'os-keypairs/keypairs-post-resp': newKey(() => ({})),
  'os-migrations/migrations-get': get(() => '/os-migrations'),
  'os-multiple-create/multiple-create-no-resv-post-resp': severalServers(false),
  'os-multiple-create/multiple-create-post-resp': severalServers(true),
  'os-networks/network-show-resp': get(({ networkId }) => `/os-networks/${networkId}`),
  'os-networks/networks-list-resp': get(() => '/os-networks'),
  'os-quota-class-sets/quota-classes-show-get-resp': get(() => '/os-quota-class-sets/default'),
  'os-quota-class-sets/quota-classes-update-post-resp': ask(
    'PUT',
    () => '/os-quota-class-sets/test_class',
    () => ({ quota_class_set: { instances: 50 } }),
  ),
  'os-quota-sets/quotas-show-defaults-get-resp': get(({ session }) => `/os-quota-sets/${session.projectId}/defaults`),
  'os-quota-sets/quotas-show-detail-get-resp': get(({ session }) => `/os-quota-sets/${session.projectId}/detail`),
  'os-quota-sets/quotas-show-get-resp': get(({ session }) => `/os-quota-sets/${session.projectId}`),
  'os-quota-sets/quotas-update-post-resp': ask(
    'PUT',
    ({ session }) => `/os-quota-sets/${session.projectId}`,
    () => ({ quota_set: { instances: -1 } }),
  ),
  'os-quota-sets/quotas-update-force-post-resp': ask(
    'PUT',
    ({ session }) => `/os-quota-sets/${session.projectId}`,
    () => ({ quota_set: { force: 'True', instances: -1 } }),
  ),
  'os-quota-sets/user-quotas-show-get-resp': get(({ session }) => `/os-quota-sets/${session.projectId}?user_id=${session.userId}`),
  'os-quota-sets/user-quotas-update-post-resp': ask(
    'PUT',
    ({ session }) => `/os-quota-sets/${session.projectId}?user_id=${session.userId}`,
    () => ({ quota_set: { force: 'True', instances: -1 } }),
  ),
  'os-remote-consoles/create-vnc-console-resp': remoteConsole('vnc', 'novnc'),
  'os-remote-consoles/get-serial-console-post-resp': consoleOf('os-getSerialConsole', 'serial'),
  'os-remote-consoles/get-spice-console-post-resp': consoleOf('os-getSPICEConsole', 'spice-html5'),
  'os-remote-consoles/get-vnc-console-post-resp': consoleOf('os-getVNCConsole', 'novnc'),
  'os-security-groups/security-groups-list-get-resp': get(() => '/os-security-groups'),
  'os-security-groups/server-security-groups-list-resp': onServer('/os-security-groups'),
  'os-security-groups/security-groups-create-resp': thenDelete(
    ask(
      'POST',
      () => '/os-security-groups',
      (world) => ({ security_group: { name: world.name(), description: 'a sample' } }),
    ),
    ({ security_group: made }: { security_group: { id: string } }) => `/os-security-groups/${made.id}`,
  ),
  'os-server-diagnostics/server-diagnostics-get-resp': onServer('/diagnostics'),
  'os-server-external-events/event-create-resp': ask(
    'POST',
    () => '/os-server-external-events',
    ({ serverId }) => ({
      events: [{ name: 'network-changed', server_uuid: serverId, tag: 'a-tag' }],
    }),
  ),
  'os-server-groups/server-groups-get-resp': get(({ groupId }) => `/os-server-groups/${groupId}`),
  'os-server-groups/server-groups-list-resp': get(() => '/os-server-groups'),
  'os-server-groups/server-groups-post-resp': newGroup,
  'os-server-password/get-password-resp': onServer('/os-server-password'),
  'os-server-tags/server-tags-index-resp': onServer('/tags'),
  'os-server-tags/server-tags-put-all-resp': ask(
    'PUT',
    ({ serverId }) => `/servers/${serverId}/tags`,
    () => ({ tags: ['tag1', 'tag2'] }),
  ),
  'os-server-tags/server-tags-show-details-resp': onServer(''),
  'os-server-tags/servers-tags-details-resp': get(() => '/servers/detail'),
  'os-server-topology/servers-topology-resp': onServer('/topology'),
  'os-services/service-disable-log-put-resp': service('disable-log-reason', { status: 'disabled', disabled_reason: 'test' }),
  'os-services/service-disable-put-resp': service('disable', { status: 'disabled' }),
  'os-services/service-enable-put-resp': service('enable', { status: 'enabled' }),
  'os-services/service-force-down-put-resp': service('force-down', { forced_down: true }),
  'os-services/services-list-get-resp': get(() => '/os-services'),
  'os-simple-tenant-usage/simple-tenant-usage-get': get(
    () => `/os-simple-tenant-usage?start=2001-01-01T00:00:00&end=${far.slice(0, -1)}&limit=1`,
  ),
  'os-simple-tenant-usage/simple-tenant-usage-get-detail': get(
    () => `/os-simple-tenant-usage?start=2001-01-01T00:00:00&end=${far.slice(0, -1)}&detailed=1&limit=1`,
  ),
  'os-simple-tenant-usage/simple-tenant-usage-get-specific': get(
    ({ session }) => `/os-simple-tenant-usage/${session.projectId}?start=2001-01-01T00:00:00&end=${far.slice(0, -1)}&limit=1`,
  ),
  'os-tenant-networks/networks-list-res': get(() => '/os-tenant-networks'),
  'os-volume_attachments/list-volume-attachments-resp': onServer('/os-volume_attachments'),
  'server-ips/server-ips-network-resp': get(({ serverId }) => `/servers/${serverId}/ips/private`),
  'server-ips/server-ips-resp': onServer('/ips'),
  'server-metadata/server-metadata-all-resp': onServer('/metadata'),
  'server-metadata/server-metadata-resp': onServer('/metadata/My%20Server%20Name'),
  'server-migrations/migrations-index': onServer('/migrations'),
  'servers-sort/server-sort-keys-list-resp': get(() => '/servers?sort_key=display_name&sort_dir=asc'),
  'servers/server-action-rebuild-resp': rebuilt,
  'servers/server-create-resp': newServer,
  'servers/server-get-resp': onServer(''),
  'servers/server-update-resp': ask(
    'PUT',
    ({ serverId }) => `/servers/${serverId}`,
    (world) => ({ server: { name: world.name() } }),
  ),
  'servers/server-put-resp': ask(
    'PUT',
    ({ serverId }) => `/servers/${serverId}`,
    () => ({ server: { description: 'a sample' } }),
  ),
  'servers/servers-details-resp': get(() => '/servers/detail?limit=1'),
  'servers/servers-details-with-changes-before': get(() => `/servers/detail?changes-before=${far}`),
  'servers/servers-list-resp': get(() => '/servers?limit=1'),
  'servers/servers-list-with-changes-before': get(() => `/servers?changes-before=${far}`),
  'versions/v2-version-get-resp': ({ session }) => session.ask('GET', '/v2/', { at: 'root' }),
  'versions/v21-version-get-resp': ({ session }) => session.ask('GET', '/v2.1/', { at: 'root' }),
  'versions/versions-get-resp': ({ session }) => session.ask('GET', '/', { at: 'root' }),
};
