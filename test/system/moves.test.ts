import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { conflict, unavailable } from '../../src/lib/errors.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud('[kilonova]\nfake_hosts = 3\n[libvirt]\nlive_migration_monitor_interval = 1')));
afterAll(() => cloud.stop());

/** Nothing that a test has done leaves anything behind that does not belong there. */
afterEach(async () => {
  const { origin } = new URL(cloud.cloud.endpoints['compute'] ?? '');
  const answer = await fetch(`${origin}/kilonova/v1/audit`, { headers: { 'x-auth-token': cloud.admin.token } });
  expect(((await answer.json()) as { findings: unknown }).findings).toEqual([]);
});

const at = (version: string) => ({ 'openstack-api-version': `compute ${version}` });
const act = (who: Asker, id: string, action: object, version = '2.93') =>
  who.ask('compute', 'POST', `/servers/${id}/action`, action, at(version));
const eventually = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
  waitUntil(look, { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what });

async function newServer(flavorRef = '1') {
  const user = await cloud.user('member', 'manager');
  const { networks } = (await user.ask('network', 'GET', '/networks')).body;
  const { id: networkId } = networks.find((network: { name: string }) => network.name === 'private');
  const server = { name: 'mover', imageRef: cloud.imageId, flavorRef, networks: [{ uuid: networkId }] };
  const { id } = (await user.ask('compute', 'POST', '/servers', { server })).body.server;
  await cloud.settled(user, id, 'ACTIVE');
  return { user, id: id as string, host: await hostOf(id) };
}
const show = async (id: string) => (await cloud.admin.ask('compute', 'GET', `/servers/${id}`)).body.server;
const hostOf = async (id: string): Promise<string> => (await show(id))['OS-EXT-SRV-ATTR:host'];
const gone = async (user: Asker, id: string) => {
  await user.ask('compute', 'DELETE', `/servers/${id}`);
  await cloud.gone(user, id);
};
/** What is held where, by the names of nodes. */
async function held(consumer: string): Promise<Record<string, Record<string, number>>> {
  const { allocations } = (await cloud.admin.ask('placement', 'GET', `/allocations/${consumer}`)).body;
  const { resource_providers: providers } = (await cloud.admin.ask('placement', 'GET', '/resource_providers')).body;
  const nameOf = new Map(providers.map((provider: { uuid: string; name: string }) => [provider.uuid, provider.name]));
  return Object.fromEntries(
    Object.entries(allocations as Record<string, { resources: Record<string, number> }>).map(([uuid, { resources }]) => [
      nameOf.get(uuid),
      resources,
    ]),
  );
}
const migrations = async (id: string) =>
  (await cloud.admin.ask('compute', 'GET', `/os-migrations?instance_uuid=${id}`)).body.migrations as Record<string, unknown>[];
const events = async (id: string, action: string) => {
  const { instanceActions } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/os-instance-actions`)).body;
  const { request_id: request } = instanceActions.find((one: { action: string }) => one.action === action);
  const { instanceAction } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/os-instance-actions/${request}`)).body;
  return instanceAction.events.map(({ event, result }: { event: string; result: string }) => [event, result]).toReversed();
};
const portHost = async (id: string): Promise<string> =>
  (await cloud.admin.ask('network', 'GET', `/ports?device_id=${id}`)).body.ports[0]['binding:host_id'];
const guestsOf = async (id: string): Promise<string[]> => {
  const hosts = ['fake-1', 'fake-2', 'fake-3'];
  const seen = await Promise.all(hosts.map((host) => cloud.hypervisors.driver(host).inspect(id)));
  return hosts.filter((_, index) => seen[index] !== null);
};

describe('a resize', () => {
  test('takes a server to another host with another flavor, where it stays when that is confirmed', async () => {
    const { user, id, host } = await newServer();
    expect((await act(user, id, { resize: { flavorRef: '2' } })).status).toBe(202);
    expect(await cloud.settled(user, id, 'VERIFY_RESIZE')).toMatchObject({ flavor: { original_name: 'm1.small' } });
    const to = await hostOf(id);
    expect(to).not.toBe(host);
    const [move] = await migrations(id);
    expect(move).toMatchObject({
      status: 'finished',
      migration_type: 'resize',
      source_compute: host,
      source_node: host,
      dest_compute: to,
      dest_node: to,
      instance_uuid: id,
      user_id: expect.any(String),
      project_id: user.projectId,
    });
    expect(Number(move!['new_instance_type_id'])).toBeGreaterThan(Number(move!['old_instance_type_id']));
    expect(await held(id)).toEqual({ [to]: { VCPU: 1, MEMORY_MB: 2048, DISK_GB: 20 } });
    expect(await held(String(move!['uuid']))).toEqual({ [host]: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 } });
    expect([await guestsOf(id), await portHost(id)]).toEqual([[to], to]);

    expect((await act(user, id, { confirmResize: null })).status).toBe(204);
    await cloud.settled(user, id, 'ACTIVE');
    expect([await hostOf(id), await held(String(move!['uuid']))]).toEqual([to, {}]);
    expect(await migrations(id)).toMatchObject([{ status: 'confirmed' }]);
    expect(await events(id, 'resize')).toEqual([
      ['cold_migrate', 'Success'],
      ['compute_prep_resize', 'Success'],
      ['compute_resize_instance', 'Success'],
      ['compute_finish_resize', 'Success'],
      ['conductor_migrate_server', 'Success'],
    ]);
    expect(await events(id, 'confirmResize')).toEqual([['compute_confirm_resize', 'Success']]);
    await gone(user, id);
  });

  test('that is reverted leaves a server as it was', async () => {
    const { user, id, host } = await newServer();
    const before = await held(id);
    await act(user, id, { resize: { flavorRef: '2' } });
    await cloud.settled(user, id, 'VERIFY_RESIZE');
    expect((await act(user, id, { revertResize: null })).status).toBe(202);
    expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ flavor: { original_name: 'm1.tiny' }, 'OS-EXT-STS:power_state': 1 });
    expect([await hostOf(id), await held(id), await guestsOf(id), await portHost(id)]).toEqual([host, before, [host], host]);
    expect(await migrations(id)).toMatchObject([{ status: 'reverted' }]);
    expect(await events(id, 'revertResize')).toEqual([
      ['compute_revert_resize', 'Success'],
      ['compute_finish_revert_resize', 'Success'],
    ]);
    await gone(user, id);
  });

  test('that fails leaves a server as it was, and says why', async () => {
    const { user, id, host } = await newServer();
    const before = await held(id);
    using _ = cloud.hypervisors.faults.add({ operation: 'takeOver', guest: id, error: conflict('The disk is on fire.') });
    await act(user, id, { resize: { flavorRef: '2' } });
    expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ flavor: { original_name: 'm1.tiny' }, 'OS-EXT-STS:power_state': 1 });
    expect([await hostOf(id), await held(id), await guestsOf(id), await portHost(id)]).toEqual([host, before, [host], host]);
    expect(await migrations(id)).toMatchObject([{ status: 'error' }]);
    expect((await events(id, 'resize')).at(-1)).toEqual(['conductor_migrate_server', 'Error']);
    await gone(user, id);
  });

  test('to smaller disks is refused by the host before it is gone', async () => {
    const { user, id } = await newServer('2');
    await act(user, id, { resize: { flavorRef: '1' } });
    expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ flavor: { original_name: 'm1.small' } });
    const { instanceActions } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/os-instance-actions`)).body;
    expect(instanceActions[0]).toMatchObject({ action: 'resize', message: 'Error' });
    await gone(user, id);
  });

  test('that nobody ends goes with its server', async () => {
    const { user, id } = await newServer();
    await act(user, id, { resize: { flavorRef: '2' } });
    await cloud.settled(user, id, 'VERIFY_RESIZE');
    const [move] = await migrations(id);
    await gone(user, id);
    expect([await held(id), await held(String(move!['uuid']))]).toEqual([{}, {}]);
  });

  test('is refused where it makes no sense', async () => {
    const { user, id } = await newServer();
    const refused = async (action: object, who = user) => {
      const { status, body } = await act(who, id, action);
      return [status, (Object.values(body)[0] as { message: string }).message];
    };
    expect(await refused({ resize: { flavorRef: '1' } })).toEqual([400, 'When resizing, instances must change flavor!']);
    expect(await refused({ resize: { flavorRef: 'none' } })).toEqual([400, 'Flavor none could not be found.']);
    expect((await act(user, id, { resize: { flavorRef: '3' } })).status).toBe(202);
    await cloud.settled(user, id, 'VERIFY_RESIZE');
    expect(await refused({ resize: { flavorRef: '2' } })).toEqual([409, `Cannot 'resize' instance ${id} while it is in vm_state resized`]);
    await act(user, id, { revertResize: null });
    await cloud.settled(user, id, 'ACTIVE');
    expect(await refused({ confirmResize: null })).toEqual([409, `Cannot 'confirmResize' instance ${id} while it is in vm_state active`]);
    await gone(user, id);
  });
});

test('a server that is off is moved to the host an administrator names, and stays off', async () => {
  const { user, id, host } = await newServer();
  await act(user, id, { 'os-stop': null });
  await cloud.settled(user, id, 'SHUTOFF');
  const to = ['fake-1', 'fake-2', 'fake-3'].find((name) => name !== host)!;
  expect((await act(user, id, { migrate: { host: to } })).status).toBe(403);
  expect((await act(cloud.admin, id, { migrate: { host } })).status).toBe(400);
  expect((await act(cloud.admin, id, { migrate: { host: 'nowhere' } })).status).toBe(400);
  expect((await act(cloud.admin, id, { migrate: { host: to } })).status).toBe(202);
  await cloud.settled(user, id, 'VERIFY_RESIZE');
  expect(await hostOf(id)).toBe(to);
  await act(user, id, { confirmResize: null });
  expect(await cloud.settled(user, id, 'SHUTOFF')).toMatchObject({ 'OS-EXT-STS:power_state': 4 });
  expect(await migrations(id)).toMatchObject([{ migration_type: 'migration', status: 'confirmed' }]);
  await gone(user, id);
});

describe('a live migration', () => {
  const live = (host: string | null) => ({ 'os-migrateLive': { host, block_migration: 'auto' } });
  const underWay = async (id: string) =>
    eventually('a live migration under way', async () => {
      const { body } = await cloud.admin.ask('compute', 'GET', `/servers/${id}/migrations`);
      return (
        body.migrations.find(
          ({ status, memory_total_bytes: total }: { status: string; memory_total_bytes: number | null }) =>
            status === 'running' && total !== null,
        ) ?? null
      );
    });

  test('takes a running server to another host', async () => {
    const { user, id, host } = await newServer();
    expect((await act(user, id, live(null))).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    const to = await hostOf(id);
    expect(to).not.toBe(host);
    expect([await guestsOf(id), await portHost(id), Object.keys(await held(id))]).toEqual([[to], to, [to]]);
    const [move] = await migrations(id);
    expect(move).toMatchObject({ status: 'completed', migration_type: 'live-migration' });
    expect(move).not.toHaveProperty('links');
    expect(await held(String(move!['uuid']))).toEqual({});
    expect((await events(id, 'live-migration')).map(([event]: string[]) => event)).toEqual([
      'compute_check_can_live_migrate_destination',
      'compute_pre_live_migration',
      'compute_post_live_migration_at_destination',
      'compute_live_migration',
    ]);
    await gone(user, id);
  });

  test('can be watched and aborted: the server goes on where it was', async () => {
    const { user, id, host } = await newServer();
    using _ = cloud.hypervisors.faults.add({ operation: 'liveMigrate', guest: id, delayMs: 60_000 });
    await act(user, id, live(null));
    const running = await underWay(id);
    expect(running.memory_remaining_bytes + running.memory_processed_bytes).toBe(running.memory_total_bytes);
    expect((await show(id)).status).toBe('MIGRATING');
    const [listed] = await migrations(id);
    expect((listed!['links'] as { href: string }[])[0]!.href).toContain(`/servers/${id}/migrations/${running.id}`);
    expect((await cloud.admin.ask('compute', 'DELETE', `/servers/${id}/migrations/${running.id}`)).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    expect([await hostOf(id), await guestsOf(id), Object.keys(await held(id))]).toEqual([host, [host], [host]]);
    expect(await migrations(id)).toMatchObject([{ status: 'cancelled' }]);
    expect(await events(id, 'live_migration_cancel')).toEqual([['compute_live_migration_abort', 'Success']]);
    expect((await cloud.admin.ask('compute', 'DELETE', `/servers/${id}/migrations/${running.id}`)).status).toBe(409);
    await gone(user, id);
  });

  test('can be forced to its end', async () => {
    const { user, id, host } = await newServer();
    using _ = cloud.hypervisors.faults.add({ operation: 'liveMigrate', guest: id, delayMs: 60_000 });
    await act(user, id, live(null));
    const { id: migration } = await underWay(id);
    const force = (number: number) => user.ask('compute', 'POST', `/servers/${id}/migrations/${number}/action`, { force_complete: null });
    expect((await force(migration + 1000)).status).toBe(400);
    expect((await force(migration)).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    expect(await hostOf(id)).not.toBe(host);
    await gone(user, id);
  });

  test('that fails leaves the server where it was', async () => {
    const { user, id, host } = await newServer();
    using _ = cloud.hypervisors.faults.add({ operation: 'prepareLiveMigration', guest: id, error: conflict('There is no room.') });
    await act(user, id, live(null));
    await cloud.settled(user, id, 'ACTIVE');
    expect([await hostOf(id), await portHost(id), Object.keys(await held(id))]).toEqual([host, host, [host]]);
    expect(await migrations(id)).toMatchObject([{ status: 'error' }]);
    // until 2.33 the request itself says so
    const older = await act(user, id, { 'os-migrateLive': { host: null, block_migration: false, disk_over_commit: false } }, '2.24');
    expect([older.status, older.body.badRequest.message]).toEqual([400, 'There is no room.']);
    await cloud.settled(user, id, 'ACTIVE');
    await gone(user, id);
  });
});

describe('an evacuation', () => {
  const force = async (host: string, down: boolean) => {
    const { services } = (await cloud.admin.ask('compute', 'GET', `/os-services?host=${host}&binary=nova-compute`)).body;
    return cloud.admin.ask('compute', 'PUT', `/os-services/${services[0].id}`, { forced_down: down });
  };

  test('is refused while the host is up', async () => {
    const { user, id, host } = await newServer();
    const refused = await act(cloud.admin, id, { evacuate: {} });
    expect([refused.status, refused.body.badRequest.message]).toEqual([400, `Compute service of ${host} is still in use.`]);
    expect((await act(user, id, { evacuate: {} })).status).toBe(403);
    await gone(user, id);
  });

  test('makes a server anew elsewhere; a host that answers all the same gives its guest up', async () => {
    const { user, id, host } = await newServer();
    const address = (await show(id)).addresses;
    await force(host, true);
    try {
      const answer = await act(cloud.admin, id, { evacuate: {} });
      expect([answer.status, answer.body]).toEqual([200, null]);
      await cloud.settled(user, id, 'ACTIVE');
      const to = await hostOf(id);
      expect(to).not.toBe(host);
      await eventually('the end of the evacuation', async () => ((await migrations(id))[0]!['status'] === 'completed' ? true : null));
      expect([await guestsOf(id), Object.keys(await held(id)), (await show(id)).addresses]).toEqual([[to], [to], address]);
    } finally {
      expect((await force(host, false)).status).toBe(200);
    }
    await gone(user, id);
  });

  test('waits for a host that is silent, which is not called up before it has removed what it has', async () => {
    const { user, id, host } = await newServer();
    await force(host, true);
    const faults = ['powerOff', 'destroy'].map((operation) =>
      cloud.hypervisors.faults.add({ operation, host, guest: id, error: unavailable('The host is silent.') }),
    );
    try {
      expect((await act(cloud.admin, id, { evacuate: { adminPass: 'secret' } }, '2.95')).status).toBe(200);
      expect(await cloud.settled(user, id, 'SHUTOFF')).toMatchObject({ 'OS-EXT-STS:power_state': 4 });
      const [move] = await migrations(id);
      expect(move).toMatchObject({ status: 'done', migration_type: 'evacuation', source_compute: host });
      expect(Object.keys(await held(String(move!['uuid'])))).toEqual([host]);
      expect((await force(host, false)).status).toBe(400);
      // it answers again
      for (const fault of faults) fault[Symbol.dispose]();
      await eventually('the end of the evacuation', async () => ((await migrations(id))[0]!['status'] === 'completed' ? true : null));
      expect([await guestsOf(id), await held(String(move!['uuid']))]).toEqual([[await hostOf(id)], {}]);
    } finally {
      for (const fault of faults) fault[Symbol.dispose]();
      expect((await force(host, false)).status).toBe(200);
    }
    await gone(user, id);
  });
});

test('volumes go with their server: each is connected to the host it is on, and to no other', async () => {
  const { user, id, host } = await newServer();
  const made = await user.ask('volumev3', 'POST', '/volumes', { volume: { size: 1 } });
  const volumeId = made.body.volume.id as string;
  const uses = async () =>
    (
      (await cloud.admin.ask('volumev3', 'GET', `/volumes/${volumeId}`)).body.volume.attachments as {
        host_name: string;
        attachment_id: string;
      }[]
    )
      .map(({ host_name, attachment_id }) => ({ host: host_name, id: attachment_id }))
      .toSorted((a, b) => a.host.localeCompare(b.host));
  const status = async () => (await user.ask('volumev3', 'GET', `/volumes/${volumeId}`)).body.volume.status as string;
  await eventually('the volume', async () => ((await status()) === 'available' ? true : null));
  await user.ask('compute', 'POST', `/servers/${id}/os-volume_attachments`, { volumeAttachment: { volumeId } }, at('2.93'));
  await eventually('the attachment', async () => ((await status()) === 'in-use' ? true : null));
  const [first] = await uses();
  expect(first?.host).toBe(host);

  await act(user, id, { resize: { flavorRef: '2' } });
  await cloud.settled(user, id, 'VERIFY_RESIZE');
  const [resized] = await uses();
  expect([await uses(), resized?.host, await status()]).toEqual([[resized], await hostOf(id), 'in-use']);
  await act(user, id, { revertResize: null });
  await cloud.settled(user, id, 'ACTIVE');
  const [reverted] = await uses();
  expect([await uses(), reverted?.host, await status()]).toEqual([[reverted], host, 'in-use']);

  const fault = cloud.hypervisors.faults.add({ operation: 'liveMigrate', guest: id, delayMs: 60_000 });
  await act(user, id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
  const migration = await eventually('the move', async () => {
    const { migrations: all } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/migrations`)).body;
    return all[0]?.status === 'running' ? all[0].id : null;
  });
  expect((await uses()).length).toBe(2);
  await cloud.admin.ask('compute', 'DELETE', `/servers/${id}/migrations/${migration}`);
  await cloud.settled(user, id, 'ACTIVE');
  await eventually('the end of the move', async () => ((await migrations(id))[0]!['status'] === 'cancelled' ? true : null));
  expect(await uses()).toEqual([reverted]);
  fault[Symbol.dispose]();

  await act(user, id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
  await cloud.settled(user, id, 'ACTIVE');
  await eventually('the end of the move', async () => ((await migrations(id))[0]!['status'] === 'completed' ? true : null));
  const [moved] = await uses();
  expect([await uses(), moved?.host, await status()]).toEqual([[moved], await hostOf(id), 'in-use']);
  expect(moved?.host).not.toBe(host);
  await gone(user, id);
  expect(await status()).toBe('available');
});

test('the list of migrations is paged, filtered, and for administrators', async () => {
  const { user, id } = await newServer();
  for (let turn = 0; turn < 3; turn++) {
    await act(user, id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    await cloud.settled(user, id, 'ACTIVE');
  }
  const all = await migrations(id);
  expect(all).toHaveLength(3);
  const list = (query: string, who = cloud.admin, version = '2.93') =>
    who.ask('compute', 'GET', `/os-migrations?${query}`, undefined, at(version));
  const first = (await list(`instance_uuid=${id}&limit=2`)).body;
  expect(first.migrations).toEqual(all.slice(0, 2));
  const next = new URL(first.migrations_links[0].href);
  expect(next.searchParams.get('marker')).toBe(all[1]!['uuid']);
  expect((await list(next.searchParams.toString())).body).toEqual({ migrations: all.slice(2) });
  expect((await list('marker=none')).status).toBe(400);
  expect((await list('other=1')).status).toBe(400);
  expect((await list(`instance_uuid=${id}&status=error`)).body).toEqual({ migrations: [] });
  const old = (await list(`instance_uuid=${id}&other=1`, cloud.admin, '2.22')).body.migrations;
  expect(old.map((one: { id: number }) => one.id)).toEqual(all.map((one) => one['id']).toReversed());
  expect(Object.keys(old[0]).toSorted()).toEqual([
    'created_at', 'dest_compute', 'dest_host', 'dest_node', 'id', 'instance_uuid', 'new_instance_type_id', 'old_instance_type_id',
    'source_compute', 'source_node', 'status', 'updated_at',
  ]); // prettier-ignore
  // a manager sees those of the own project, and not where they went
  expect((await list('', user)).status).toBe(403);
  const own = (await list(`project_id=${user.projectId}`, user)).body.migrations;
  expect(own).toHaveLength(3);
  expect([own[0].source_compute, own[0].dest_compute]).toEqual([null, null]);
  await gone(user, id);
});
