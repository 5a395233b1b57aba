import { randomUUID } from 'node:crypto';
import type { Port } from '../../../clients/network.ts';
import type { BlockDevice } from '../../../domain/instance.ts';
import { recordAction } from '../../../store/actions.ts';
import { insertConsoleToken } from '../../../store/console-tokens.ts';
import { insertMove } from '../../../store/moves.ts';
import { insertShareMapping } from '../../../store/share-mappings.ts';
import type { ApiUnderTest } from './api-under-test.ts';
import { sampleInstanceImage, sampleVif } from '../../../../test/support/samples.ts';

/** What servers were made from. */
const ofServers = sampleInstanceImage({ name: 'i' });

/** Makes things that exist, each time new ones, by the place where their id stands in a published path. Values are what the `{}` become. */
export type Things = Readonly<Record<string, () => Promise<readonly string[]>>>;

const vif = sampleVif();

const volumeDisk = (volumeId: string): BlockDevice => ({
  uuid: randomUUID(),
  sourceType: 'volume',
  destinationType: 'volume',
  bootIndex: null,
  deviceType: 'disk',
  diskBus: null,
  deviceName: '/dev/vdb',
  guestFormat: null,
  volumeSize: 1,
  imageId: null,
  volumeId,
  snapshotId: null,
  volumeType: null,
  deleteOnTermination: false,
  tag: null,
  attachmentId: randomUUID(),
});

const port = (deviceId: string): Port => ({
  id: randomUUID(),
  networkId: 'n',
  projectId: 'alpha',
  name: '',
  macAddress: 'fa:16:3e:00:00:02',
  fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.6' }],
  deviceId,
  deviceOwner: 'compute:nova',
  status: 'ACTIVE',
  adminStateUp: true,
  securityGroupIds: [],
  portSecurityEnabled: true,
  binding: { hostId: '', vnicType: 'normal', vifType: 'bridge', vifDetails: {}, profile: {} },
});

export function thingsOf(api: ApiUnderTest): Things {
  const admin = api.as('alpha.admin');
  const { neighbours } = api;
  const database = api.stores.defaultCell.database;
  const server = async (changes: Parameters<ApiUnderTest['server']>[0] = {}) =>
    (await api.server({ metadata: { x: 'y' }, tags: ['t'], networkInfo: [vif], image: ofServers, ...changes })).id;
  const volume = (status: 'available' | 'in-use' = 'available') => neighbours.volumes.make({ projectId: 'alpha', status }).id;
  const group = () =>
    neighbours.clients.network.createSecurityGroup({ token: async () => 'alpha.member' }, { name: randomUUID(), description: '' });
  let names = 0;
  const name = (): string => `n${++names}`;
  const image = (): string => {
    const id = randomUUID();
    neighbours.images.set(id, { ...neighbours.images.get('0f0f0f0f-0000-4000-8000-000000000001')!, id, properties: { x: 'y' } });
    return id;
  };
  const aggregate = async () =>
    String((await admin('POST', '/os-aggregates', { body: { aggregate: { name: name() } } })).body.aggregate.id);
  const key = async () => {
    const made = name();
    await admin('POST', '/os-keypairs', { body: { keypair: { name: made } } });
    return made;
  };
  const move = async () => {
    const instanceId = await server({ taskState: 'migrating' });
    const { rowId } = await insertMove(database, {
      id: randomUUID(),
      instanceId,
      projectId: 'alpha',
      userId: 'alpha.member',
      type: 'live-migration',
      status: 'running',
      sourceHost: 'host-1',
      sourceNode: 'host-1',
    });
    return [instanceId, String(rowId)] as const;
  };
  const service = async () => {
    neighbours.placementIsDown = false;
    const host = name();
    await api.host(host);
    const row = await database.selectFrom('services').select(['uuid', 'id']).where('host', '=', host).executeTakeFirstOrThrow();
    return { host, uuid: row.uuid, id: String(row.id) };
  };
  return {
    '/versions/{}': async () => ['v2.1'],
    '/extensions/{}': async () => ['os-keypairs'],
    '/servers/{}': async () => [await server()],
    '/servers/{}/metadata/{}': async () => [await server(), 'x'],
    '/servers/{}/ips/{}': async () => [await server(), 'net'],
    '/servers/{}/os-interface/{}': async () => [await server(), vif.portId],
    '/servers/{}/os-volume_attachments/{}': async () => {
      const id = volume('in-use');
      const serverId = await server({ blockDevices: [volumeDisk(id)] });
      neighbours.volumes.attach(id, serverId);
      return [serverId, id];
    },
    '/servers/{}/tags/{}': async () => [await server(), 't'],
    '/servers/{}/os-security-groups': async () => {
      const id = await server();
      const made = port(id);
      neighbours.ports.set(made.id, made);
      return [id];
    },
    '/servers/{}/os-instance-actions/{}': async () => {
      const instanceId = await server();
      const requestId = `req-${randomUUID()}`;
      await recordAction(database, [{ instanceId, action: 'stop', requestId, userId: 'u', projectId: 'alpha' }]);
      return [instanceId, requestId];
    },
    '/servers/{}/migrations/{}': move,
    '/servers/{}/migrations/{}/action': move,
    '/servers/{}/shares': async () => [await server({ vmState: 'stopped', powerState: 4 })],
    '/servers/{}/shares/{}': async () => {
      const [instanceId, shareId] = [await server({ vmState: 'stopped', powerState: 4 }), randomUUID()];
      neighbours.shares.set(shareId, { id: shareId, status: 'available', protocol: 'NFS', exportLocation: 'x', access: [], state: true });
      const mapping = {
        uuid: randomUUID(),
        instanceId,
        shareId,
        status: 'attached',
        tag: 't',
        exportLocation: 'x',
        protocol: 'NFS',
      } as const;
      await insertShareMapping(database, mapping);
      return [instanceId, shareId];
    },
    '/flavors/{}': async () => [(await api.flavor({ flavorId: name(), name: name(), extraSpecs: { 'a:b': 'c' } })).flavorId],
    '/flavors/{}/os-extra_specs/{}': async () => [
      (await api.flavor({ flavorId: name(), name: name(), extraSpecs: { 'a:b': 'c' } })).flavorId,
      'a:b',
    ],
    '/flavors/{}/os-flavor-access': async () => [(await api.flavor({ flavorId: name(), name: name(), isPublic: false })).flavorId],
    '/flavors/{}/action': async () => [(await api.flavor({ flavorId: name(), name: name(), isPublic: false })).flavorId],
    '/os-keypairs/{}': async () => [await key()],
    '/os-quota-sets/{}': async () => ['alpha'],
    '/os-quota-class-sets/{}': async () => ['default'],
    '/os-server-groups/{}': async () => [
      (await admin('POST', '/os-server-groups', { version: '2.64', body: { server_group: { name: 'g', policy: 'affinity' } } })).body
        .server_group.id as string,
    ],
    '/os-aggregates/{}': async () => [await aggregate()],
    '/os-hypervisors/{}': async () => ['1'],
    '/os-services/{}': async () => [(await service()).id],
    '/os-simple-tenant-usage/{}': async () => ['alpha'],
    '/os-instance_usage_audit_log/{}': async () => ['2026-03-01 00:00:00'],
    '/os-console-auth-tokens/{}': async () => {
      const token = randomUUID();
      await insertConsoleToken(database, token, {
        consoleType: 'novnc',
        instanceId: await server(),
        computeHost: 'host-1',
        host: '127.0.0.1',
        port: 5900,
        tlsPort: null,
        internalAccessPath: null,
        accessUrlBase: 'http://x',
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
      });
      return [token];
    },
    '/os-assisted-volume-snapshots/{}': async () => [randomUUID()],
    '/os-hosts/{}': async () => ['host-1'],
    '/images/{}': async () => [image()],
    '/images/{}/metadata/{}': async () => [image(), 'x'],
    '/os-baremetal-nodes/{}': async () => [randomUUID()],
    '/os-floating-ips/{}': async () => {
      neighbours.floatingIps.clear();
      return [(await neighbours.clients.network.createFloatingIp({ token: async () => '' }, 'outside')).id];
    },
    '/os-networks/{}': async () => ['n'],
    '/os-tenant-networks/{}': async () => ['n'],
    '/os-security-groups/{}': async () => [(neighbours.securityGroups.splice(0), (await group()).id)],
    '/os-security-group-rules/{}': async () => {
      neighbours.securityGroups.splice(0);
      const { id: groupId } = await group();
      const rule = {
        groupId,
        ethertype: 'IPv4',
        protocol: 'tcp',
        portRange: { min: 1, max: 2 },
        remoteGroupId: null,
        remoteIpPrefix: null,
      } as const;
      return [(await neighbours.clients.network.createIngressRule({ token: async () => '' }, rule)).id];
    },
    '/os-volumes/{}': async () => [volume()],
    '/os-snapshots/{}': async () => [randomUUID()],
    '/os-volumes_boot/{}': async () => [await server()],
  };
}
