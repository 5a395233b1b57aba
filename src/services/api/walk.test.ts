import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conflict } from '../../lib/errors.ts';
import { formatVersion, version as numberOf, type Version, type VersionText } from '../../lib/http/microversion.ts';
import { computeMicroversions } from './microversions.ts';
import { startApiUnderTest, type ApiUnderTest } from './test-support/api-under-test.ts';
import { otherActionKeys, serverActionKeys, surface, type Life } from './test-support/published-surface.ts';
import { thingsOf, type Things } from './test-support/things.ts';
import { sampleImage, sampleInstanceImage, sampleNetwork } from '../../../test/support/samples.ts';

const imageId = '0f0f0f0f-0000-4000-8000-000000000001';
const networkId = '9a9a9a9a-0000-4000-8000-000000000001';
type Body = object;
/** A request that a row of the table answers as it is published. What is not said: 200, no body, a thing that exists. */
interface Row {
  readonly status?: number | ((at: Version) => number);
  readonly body?: Body | ((at: Version) => Body);
  /** What stands for the `{}`; made anew each time. */
  readonly names?: () => Promise<readonly string[]>;
}

const since = (text: VersionText, at: Version): boolean => at >= numberOf(text);
const body = (content: Body): Row => ({ body: content });
const answers = (status: number, content?: Body): Row => ({ status, ...(content === undefined ? {} : { body: content }) });
const newServer = (at: Version): Body => ({
  server: { name: 'x', flavorRef: 'f1', imageRef: imageId, ...(since('2.37', at) ? { networks: 'none' } : {}) },
});
const serverName = { server: { name: 'y' } };
const metadata = { metadata: { a: 'b' } };
const group = { security_group: { name: 'g', description: '' } };
let count = 0;
const fresh = (): string => `fresh${++count}`;

let api: ApiUnderTest;
let things: Things;
const image = sampleInstanceImage({ id: imageId, name: 'i' });
const serverOf = async (changes: object): Promise<readonly string[]> => [(await api.server({ image, ...changes })).id];

/** Every pair that lives, with a request and what it is answered. */
const rows: Readonly<Record<string, Row>> = {
  'GET /': {},
  'GET /versions/{}': {},
  'GET /extensions': {},
  'GET /extensions/{}': {},
  'GET /servers': {},
  'POST /servers': { status: 202, body: newServer },
  'GET /servers/detail': {},
  'GET /servers/{}': {},
  'PUT /servers/{}': body(serverName),
  'DELETE /servers/{}': answers(204),
  'POST /servers/{}/action': answers(202, { lock: null }),
  'GET /servers/{}/metadata': {},
  'POST /servers/{}/metadata': body(metadata),
  'PUT /servers/{}/metadata': body(metadata),
  'GET /servers/{}/metadata/{}': {},
  'PUT /servers/{}/metadata/{}': body({ meta: { x: 'z' } }),
  'DELETE /servers/{}/metadata/{}': answers(204),
  'GET /servers/{}/ips': {},
  'GET /servers/{}/ips/{}': {},
  'GET /servers/{}/diagnostics': {},
  'GET /servers/{}/os-interface': {},
  'POST /servers/{}/os-interface': answers(400, { interfaceAttachment: { net_id: networkId, port_id: networkId } }), // what is done waits for a host
  'GET /servers/{}/os-interface/{}': {},
  'DELETE /servers/{}/os-interface/{}': answers(202),
  'GET /servers/{}/os-volume_attachments': {},
  'POST /servers/{}/os-volume_attachments': answers(404, { volumeAttachment: { volumeId: randomUUID() } }), // what is done waits for a host
  'GET /servers/{}/os-volume_attachments/{}': {},
  'PUT /servers/{}/os-volume_attachments/{}': answers(400, { volumeAttachment: { volumeId: randomUUID() } }), // swaps are for the volume service's own moves
  'DELETE /servers/{}/os-volume_attachments/{}': answers(202),
  'GET /servers/{}/tags': {},
  'PUT /servers/{}/tags': body({ tags: ['u'] }),
  'DELETE /servers/{}/tags': answers(204),
  'GET /servers/{}/tags/{}': answers(204),
  'PUT /servers/{}/tags/{}': answers(204),
  'DELETE /servers/{}/tags/{}': answers(204),
  'GET /servers/{}/os-security-groups': {},
  'GET /servers/{}/os-server-password': {},
  'DELETE /servers/{}/os-server-password': answers(204),
  'GET /servers/{}/os-instance-actions': {},
  'GET /servers/{}/os-instance-actions/{}': {},
  'GET /servers/{}/migrations': {},
  'GET /servers/{}/migrations/{}': {},
  'DELETE /servers/{}/migrations/{}': answers(202),
  'POST /servers/{}/migrations/{}/action': answers(202, { force_complete: null }),
  'GET /servers/{}/topology': {},
  'GET /servers/{}/shares': {},
  'POST /servers/{}/shares': answers(404, { share: { share_id: randomUUID() } }),
  'GET /servers/{}/shares/{}': {},
  'DELETE /servers/{}/shares/{}': {},
  'POST /servers/{}/remote-consoles': answers(409, { remote_console: { protocol: 'vnc', type: 'novnc' } }), // the guest has no screen
  'GET /flavors': {},
  'POST /flavors': { body: () => ({ flavor: { name: fresh(), ram: 1, vcpus: 1, disk: 1 } }) },
  'GET /flavors/detail': {},
  'GET /flavors/{}': {},
  'PUT /flavors/{}': body({ flavor: { description: 'd' } }),
  'DELETE /flavors/{}': answers(202),
  'POST /flavors/{}/action': body({ addTenantAccess: { tenant: 'beta' } }),
  'GET /flavors/{}/os-extra_specs': {},
  'POST /flavors/{}/os-extra_specs': body({ extra_specs: { 'hw:cpu_policy': 'shared' } }),
  'GET /flavors/{}/os-extra_specs/{}': {},
  'PUT /flavors/{}/os-extra_specs/{}': body({ 'a:b': 'd' }),
  'DELETE /flavors/{}/os-extra_specs/{}': {},
  'GET /flavors/{}/os-flavor-access': {},
  'GET /os-keypairs': {},
  'POST /os-keypairs': {
    status: (at) => (since('2.92', at) ? 400 : since('2.2', at) ? 201 : 200), // a key that is none, where none is made any more
    body: (at: Version) => ({ keypair: { name: fresh(), ...(since('2.92', at) ? { public_key: 'none' } : {}) } }),
  },
  'GET /os-keypairs/{}': {},
  'DELETE /os-keypairs/{}': { status: (at) => (since('2.2', at) ? 204 : 202) },
  'GET /limits': {},
  'GET /os-quota-sets/{}': {},
  'PUT /os-quota-sets/{}': body({ quota_set: { cores: -1 } }),
  'DELETE /os-quota-sets/{}': answers(202),
  'GET /os-quota-sets/{}/detail': {},
  'GET /os-quota-sets/{}/defaults': {},
  'GET /os-quota-class-sets/{}': {},
  'PUT /os-quota-class-sets/{}': body({ quota_class_set: { cores: -1 } }),
  'GET /os-server-groups': {},
  'POST /os-server-groups': {
    body: (at: Version) => ({ server_group: { name: 'g', ...(since('2.64', at) ? { policy: 'affinity' } : { policies: ['affinity'] }) } }),
  },
  'GET /os-server-groups/{}': {},
  'DELETE /os-server-groups/{}': answers(204),
  'GET /os-aggregates': {},
  'POST /os-aggregates': { body: () => ({ aggregate: { name: fresh() } }) },
  'GET /os-aggregates/{}': {},
  'PUT /os-aggregates/{}': { body: () => ({ aggregate: { name: fresh() } }) },
  'DELETE /os-aggregates/{}': {},
  'POST /os-aggregates/{}/action': body({ set_metadata: { metadata: { a: 'b' } } }),
  'POST /os-aggregates/{}/images': answers(202, { cache: [{ id: imageId }] }),
  'GET /os-availability-zone': {},
  'GET /os-availability-zone/detail': {},
  'GET /os-hypervisors': {},
  'GET /os-hypervisors/detail': {},
  'GET /os-hypervisors/statistics': {},
  'GET /os-hypervisors/{}': {},
  'GET /os-hypervisors/{}/search': { names: async () => ['host-1'] },
  'GET /os-hypervisors/{}/servers': { names: async () => ['host-1'] },
  'GET /os-hypervisors/{}/uptime': {},
  'GET /os-services': {},
  'PUT /os-services/{}': {
    body: (at: Version) => (since('2.53', at) ? { status: 'disabled' } : { host: 'host-1', binary: 'nova-compute' }),
  },
  'DELETE /os-services/{}': answers(204),
  'GET /os-migrations': {},
  'GET /os-simple-tenant-usage': {},
  'GET /os-simple-tenant-usage/{}': {},
  'GET /os-instance_usage_audit_log': {},
  'GET /os-instance_usage_audit_log/{}': {},
  'GET /os-console-auth-tokens/{}': { status: (at) => (since('2.31', at) ? 200 : 400) },
  'POST /os-server-external-events': {
    status: 207, // the server is not known
    body: { events: [{ name: 'network-changed', server_uuid: randomUUID() }] },
  },
  'POST /os-assisted-volume-snapshots': answers(400, {
    snapshot: { volume_id: randomUUID(), create_info: { snapshot_id: 's', type: 'qcow2', new_file: 'f' } },
  }), // volumes of this cloud are no files
  'DELETE /os-assisted-volume-snapshots/{}': answers(400),
  'GET /os-hosts': {},
  'GET /os-hosts/{}': {},
  'PUT /os-hosts/{}': body({ status: 'enable' }),
  'GET /os-hosts/{}/reboot': answers(501),
  'GET /os-hosts/{}/shutdown': answers(501),
  'GET /os-hosts/{}/startup': answers(501),
  'GET /images': {},
  'GET /images/detail': {},
  'GET /images/{}': {},
  'DELETE /images/{}': answers(204),
  'GET /images/{}/metadata': {},
  'POST /images/{}/metadata': body(metadata),
  'PUT /images/{}/metadata': body(metadata),
  'GET /images/{}/metadata/{}': {},
  'PUT /images/{}/metadata/{}': body({ meta: { x: 'z' } }),
  'DELETE /images/{}/metadata/{}': answers(204),
  'GET /os-baremetal-nodes': answers(501),
  'POST /os-baremetal-nodes': answers(400, {}),
  'GET /os-baremetal-nodes/{}': answers(501),
  'DELETE /os-baremetal-nodes/{}': answers(400),
  'POST /os-baremetal-nodes/{}/action': answers(400, { add_interface: {} }),
  'GET /os-floating-ip-pools': {},
  'GET /os-floating-ips': {},
  'POST /os-floating-ips': {},
  'GET /os-floating-ips/{}': {},
  'DELETE /os-floating-ips/{}': answers(202),
  'GET /os-networks': {},
  'GET /os-networks/{}': {},
  'GET /os-tenant-networks': {},
  'GET /os-tenant-networks/{}': {},
  'GET /os-security-groups': {},
  'POST /os-security-groups': body(group),
  'GET /os-security-groups/{}': {},
  'PUT /os-security-groups/{}': body(group),
  'DELETE /os-security-groups/{}': answers(202),
  'POST /os-security-group-rules': answers(404, { security_group_rule: { parent_group_id: randomUUID() } }),
  'DELETE /os-security-group-rules/{}': answers(202),
  'GET /os-volumes': {},
  'POST /os-volumes': body({ volume: { size: 1 } }),
  'GET /os-volumes/detail': {},
  'GET /os-volumes/{}': {},
  'DELETE /os-volumes/{}': answers(202),
  'GET /os-snapshots': {},
  'POST /os-snapshots': answers(404, { snapshot: { volume_id: randomUUID() } }),
  'GET /os-snapshots/detail': {},
  'GET /os-snapshots/{}': answers(404),
  'DELETE /os-snapshots/{}': answers(404),
  'GET /os-volumes_boot': {},
  'POST /os-volumes_boot': { status: 202, body: newServer },
  'GET /os-volumes_boot/detail': {},
  'GET /os-volumes_boot/{}': {},
  'PUT /os-volumes_boot/{}': body(serverName),
  'DELETE /os-volumes_boot/{}': answers(204),
  'POST /os-volumes_boot/{}/action': answers(202, { 'os-stop': null }),
};

const stopped = { names: () => serverOf({ vmState: 'stopped', powerState: 4 }) };
const inState = (vmState: string, more: object = {}): Pick<Row, 'names'> => ({ names: () => serverOf({ vmState, ...more }) });

/** Every action that lives: what stands under its key, and what it is answered. */
const actions: Readonly<Record<string, Row>> = {
  confirmResize: { status: 400, ...inState('resized') }, // there is no move that could be confirmed
  revertResize: { status: 400, ...inState('resized') },
  reboot: answers(202, { type: 'HARD' }),
  resize: answers(202, { flavorRef: 'f2' }),
  rebuild: answers(202, { imageRef: imageId }),
  createImage: answers(202, { name: 'x' }),
  'os-start': { status: 202, ...stopped },
  'os-stop': answers(202),
  trigger_crash_dump: answers(202),
  injectNetworkInfo: answers(202),
  'os-resetState': answers(202, { state: 'error' }),
  changePassword: answers(202, { adminPass: 'x' }),
  'os-getConsoleOutput': answers(200, {}),
  createBackup: answers(202, { name: 'x', backup_type: 'daily', rotation: 1 }),
  restore: { status: 202, ...inState('soft-delete') },
  forceDelete: answers(202),
  evacuate: {
    status: 400, // its host is up
    body: (at: Version) => (since('2.14', at) ? {} : { onSharedStorage: false }),
  },
  addFloatingIp: answers(404, { address: '203.0.113.77' }),
  removeFloatingIp: answers(404, { address: '203.0.113.77' }),
  lock: answers(202),
  unlock: answers(202),
  migrate: answers(202),
  'os-migrateLive': {
    status: 400, // there is no such host; what is done waits for hosts until 2.33
    body: (at: Version) => ({ host: 'unheard-of', block_migration: false, ...(since('2.25', at) ? {} : { disk_over_commit: false }) }),
  },
  addFixedIp: answers(400, { networkId: randomUUID() }),
  removeFixedIp: answers(400, { address: '203.0.113.77' }),
  pause: answers(202),
  unpause: { status: 202, ...inState('paused') },
  'os-getVNCConsole': answers(409, { type: 'novnc' }), // the guest has no screen
  'os-getSPICEConsole': answers(409, { type: 'spice-html5' }),
  'os-getRDPConsole': answers(400, { type: 'rdp-html5' }),
  'os-getSerialConsole': answers(409, { type: 'serial' }),
  rescue: answers(200),
  unrescue: { status: 202, ...inState('rescued') },
  addSecurityGroup: answers(404, { name: 'unheard-of' }),
  removeSecurityGroup: answers(404, { name: 'unheard-of' }),
  shelve: answers(202),
  shelveOffload: { status: 202, ...inState('shelved') },
  unshelve: { status: 202, ...inState('shelved') },
  suspend: answers(202),
  resume: { status: 202, ...inState('suspended') },
};
const otherActions: Readonly<Record<string, Row>> = {
  'addTenantAccess /flavors/{}/action': body({ tenant: 'beta' }),
  'removeTenantAccess /flavors/{}/action': answers(404, { tenant: 'beta' }),
  'add_host /os-aggregates/{}/action': body({ host: 'host-1' }),
  'remove_host /os-aggregates/{}/action': answers(404, { host: 'host-1' }),
  'set_metadata /os-aggregates/{}/action': body({ metadata: { a: 'b' } }),
  'force_complete /servers/{}/migrations/{}/action': answers(202),
};

beforeAll(async () => {
  api = await startApiUnderTest('[quota]\ninstances = -1\ncores = -1\nram = -1\nserver_groups = -1\nkey_pairs = -1');
  things = thingsOf(api);
  const { neighbours } = api;
  neighbours.images.set(imageId, sampleImage({ id: imageId, name: 'i' }));
  neighbours.networks.push(sampleNetwork(), sampleNetwork({ id: 'outside', name: 'outside', external: true }));
  await api.flavor({ flavorId: 'f1', name: 'f1' });
  await api.flavor({ flavorId: 'f2', name: 'f2', vcpus: 2 });
  const noScreen = () => Promise.reject(conflict('The guest has no such console.'));
  const traffic = { cpus: [], interfaces: [], disks: [], memory: { maximumKib: 1, usedKib: 1, told: {} } };
  const { uuid } = await api.host(
    'host-1',
    {},
    {
      console: noScreen,
      setPassword: () => Promise.resolve(),
      forceCompleteLiveMigration: () => Promise.resolve(),
      consoleOutput: () => Promise.resolve({ text: '' }),
      diagnostics: () =>
        Promise.resolve({ powerState: 1 as const, driver: 'libvirt' as const, hypervisor: null, hypervisorOs: null, ...traffic }),
      topology: () => Promise.resolve({ topology: null }),
      uptime: () => Promise.resolve({ text: 'up' }),
    },
  );
  Object.assign(neighbours.providers.get(uuid)!, { traits: ['COMPUTE_STORAGE_VIRTIO_FS', 'COMPUTE_MEM_BACKING_FILE'] });
});
afterAll(() => api[Symbol.asyncDispose]());

const windowOf = (life: Exclude<Life, 'gone'>): readonly [Version, Version] => {
  const [from, to] = life.split('..') as [VersionText, VersionText | ''];
  return [numberOf(from), to === '' ? numberOf(computeMicroversions.max) : numberOf(to)];
};
/** The thing a path is about: what is made for the longest beginning of it that something is made for. */
const maker = (path: string): (() => Promise<readonly string[]>) => {
  const parts = path.split('/');
  for (let end = parts.length; end > 1; end--) {
    const make = things[parts.slice(0, end).join('/')];
    if (make !== undefined) return make;
  }
  return async () => [];
};

async function ask(method: string, path: string, at: Version, row: Row, key: string | null = null): Promise<number> {
  let names = path.includes('{}') ? await (row.names ?? maker(path))() : [];
  const text = formatVersion(at);
  // services and hypervisors changed their ids
  if (path.startsWith('/os-services/{}') && method === 'PUT' && at < numberOf('2.53')) names = ['disable'];
  else if (/^\/os-(services|hypervisors)\/\{\}/.test(path) && at >= numberOf('2.53') && row.names === undefined) {
    const table = path.startsWith('/os-services') ? 'services' : 'compute_nodes';
    const { uuid } = await api.stores.defaultCell.database
      .selectFrom(table)
      .select('uuid')
      .where('id', '=', Number(names[0]))
      .executeTakeFirstOrThrow();
    names = [uuid];
  }
  let index = 0;
  const filled = path.replaceAll('{}', () => encodeURIComponent(names[index++] ?? 'x'));
  const given = typeof row.body === 'function' ? (row.body as (at: Version) => Body)(at) : row.body;
  const content = key === null ? given : { [key]: given ?? null };
  const where = path === '/' ? '/v2.1/abcdef/' : filled;
  const who = path === '/' ? 'abcdef.admin' : 'alpha.admin';
  const { status } = await api.as(who)(method as 'GET', where, { version: text, ...(content === undefined ? {} : { body: content }) });
  return status;
}

const statusOf = (row: Row, at: Version): number => (typeof row.status === 'function' ? row.status(at) : (row.status ?? 200));

/** What a row is answered at the first and the last version it lives at, and right outside. */
async function walk(method: string, path: string, life: Life, row: Row, key: string | null = null) {
  if (life === 'gone')
    return {
      found: [await ask(method, path, numberOf('2.1'), row, key), await ask(method, path, numberOf('2.104'), row, key)],
      expected: [410, 410],
    };
  const [first, last] = windowOf(life);
  const found = [await ask(method, path, first, row, key), await ask(method, path, last, row, key)];
  const expected = [statusOf(row, first), statusOf(row, last)];
  if (first > numberOf('2.1')) {
    found.push(await ask(method, path, first - 1, row, key));
    expected.push(404);
  }
  if (last < numberOf('2.104')) {
    found.push(await ask(method, path, last + 1, row, key));
    expected.push(404);
  }
  return { found, expected };
}

const pairs = Object.entries(surface).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, life]) => [method, path, life] as const),
);

describe('every pair of method and path', () => {
  test('has a row here', () => {
    const living = pairs.filter(([, , life]) => life !== 'gone').map(([method, path]) => `${method} ${path}`);
    expect(Object.keys(rows).toSorted()).toEqual(living.toSorted());
    expect(pairs.length).toBe(209);
  });

  test.each(pairs)('answers as it is published, as long as it lives: %s %s %s', async (method, path, life) => {
    const { found, expected } = await walk(method, path, life, rows[`${method} ${path}`] ?? (method === 'GET' ? {} : { body: {} }));
    expect(found).toEqual(expected);
  });
});

describe('every action', () => {
  test('has a row here', () => {
    const living = Object.entries(serverActionKeys).filter(([, life]) => life !== 'gone');
    expect(Object.keys(actions).toSorted()).toEqual(living.map(([key]) => key).toSorted());
    expect(Object.keys(serverActionKeys).length).toBe(41);
  });

  test.each(Object.entries(serverActionKeys))('of a server answers as it is published, as long as it lives: %s %s', async (key, life) => {
    const { found, expected } = await walk('POST', '/servers/{}/action', life, actions[key] ?? {}, key);
    expect(found).toEqual(expected);
  });

  const others = Object.entries(otherActionKeys).flatMap(([path, keys]) =>
    Object.entries(keys).map(([key, life]) => [key, path, life] as const),
  );
  test.each(others)('elsewhere answers as it is published, as long as it lives: %s of %s %s', async (key, path, life) => {
    const row = path.startsWith('/os-volumes_boot') ? actions[key]! : otherActions[`${key} ${path}`]!;
    const { found, expected } = await walk('POST', path, life, row, key);
    expect(found).toEqual(expected);
  });
});
