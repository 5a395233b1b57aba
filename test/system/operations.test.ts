import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { conflict } from '../../src/lib/errors.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { startTestCloud, type Answer, type Asker, type TestCloud } from '../support/cloud.ts';
import type { WireBody } from '../support/wire-body.ts';

const at = (version: string) => ({ 'openstack-api-version': `compute ${version}` });
const eventually = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
  waitUntil(look, { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what });

/** A member with a server that runs. */
async function serverOf(cloud: TestCloud, more: object = {}, asker?: Asker): Promise<{ readonly user: Asker; readonly id: string }> {
  const user = asker ?? (await cloud.user('member'));
  const wanted = { name: 'one', imageRef: cloud.imageId, flavorRef: '1', networks: 'none', ...more };
  const { id } = (await user.ask('compute', 'POST', '/servers', { server: wanted })).body.server;
  await cloud.settled(user, id, 'ACTIVE');
  return { user, id };
}
const act = (who: Asker, id: string, action: object, version = '2.93'): Promise<Answer<WireBody>> =>
  who.ask('compute', 'POST', `/servers/${id}/action`, action, at(version));
const show = async (who: Asker, id: string, version = '2.93') =>
  (await who.ask('compute', 'GET', `/servers/${id}`, undefined, at(version))).body.server;
const imageOf = async (who: Asker, id: string) => (await who.ask('image', 'GET', `/images/${id}`)).body;
/** The events of the last action of this name, with their results. */
const eventsOf = async (cloud: TestCloud, id: string, action: string): Promise<readonly (readonly [string, string])[]> => {
  const { instanceActions } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/os-instance-actions`)).body;
  const last = instanceActions.find((each: { action: string }) => each.action === action);
  const { instanceAction } = (await cloud.admin.ask('compute', 'GET', `/servers/${id}/os-instance-actions/${last.request_id}`)).body;
  return instanceAction.events.map(({ event, result }: { event: string; result: string }) => [event, result]);
};
const allocationsOf = async (cloud: TestCloud, id: string) =>
  Object.keys((await cloud.admin.ask('placement', 'GET', `/allocations/${id}`)).body.allocations);

describe('a server', () => {
  let cloud: TestCloud;
  beforeAll(async () => void (cloud = await startTestCloud()));
  afterAll(() => cloud.stop());

  test('becomes an image that another server is made from', async () => {
    const { user, id } = await serverOf(cloud);
    const answer = await act(user, id, { createImage: { name: 'copy', metadata: { colour: 'red' } } });
    expect(answer).toMatchObject({ status: 202, body: { image_id: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
    await cloud.settled(user, id, 'ACTIVE');
    expect(await imageOf(user, answer.body.image_id)).toMatchObject({
      name: 'copy',
      status: 'active',
      disk_format: 'qcow2',
      visibility: 'private',
      owner: user.projectId,
      min_disk: 1,
      image_type: 'snapshot',
      instance_uuid: id,
      base_image_ref: cloud.imageId,
      colour: 'red',
    });
    expect(await eventsOf(cloud, id, 'createImage')).toEqual([['compute_snapshot_instance', 'Success']]);
    await serverOf(cloud, { imageRef: answer.body.image_id }, user);
  });

  test('names its image by a Location until 2.44', async () => {
    const { user, id } = await serverOf(cloud);
    const answer = await act(user, id, { createImage: { name: 'copy' } }, '2.44');
    expect([answer.status, answer.body]).toEqual([202, null]);
    expect(answer.headers.get('location')).toMatch(new RegExp(`^http://.*/images/[0-9a-f-]{36}$`));
    await cloud.settled(user, id, 'ACTIVE');
  });

  test('leaves no image when its disk cannot be copied', async () => {
    const { user, id } = await serverOf(cloud);
    using _ = cloud.hypervisors.faults.add({ operation: 'copyRootDisk', guest: id, error: conflict('The disk is on fire.') });
    const { image_id: imageId } = (await act(user, id, { createImage: { name: 'copy' } })).body;
    await eventually('the end of the image', async () =>
      (await user.ask('image', 'GET', `/images/${imageId}`)).status === 404 ? true : null,
    );
    await cloud.settled(user, id, 'ACTIVE');
    expect(await eventsOf(cloud, id, 'createImage')).toEqual([['compute_snapshot_instance', 'Error']]);
  });

  test('keeps so many backups of each type as asked', async () => {
    const { user, id } = await serverOf(cloud);
    const made: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      made.push((await act(user, id, { createBackup: { name, backup_type: 'daily', rotation: 2 } })).body.image_id);
      await cloud.settled(user, id, 'ACTIVE');
    }
    const left = (await user.ask('image', 'GET', `/images?backup_type=daily&instance_uuid=${id}`)).body.images as { id: string }[];
    expect(left.map((image) => image.id).toSorted()).toEqual(made.slice(1).toSorted());
    const none = await act(user, id, { createBackup: { name: 'four', backup_type: 'daily', rotation: 0 } }, '2.44');
    expect([none.status, none.headers.get('location')]).toEqual([202, null]);
    await cloud.settled(user, id, 'ACTIVE');
    expect((await user.ask('image', 'GET', `/images?backup_type=daily&instance_uuid=${id}`)).body.images).toEqual([]);
  });

  test('is rebuilt with all that a rebuild may change, on its host', async () => {
    const { user, id } = await serverOf(cloud, { metadata: { old: '1' } });
    const before = await show(cloud.admin, id);
    const other = (await act(user, id, { createImage: { name: 'other' } })).body.image_id;
    await cloud.settled(user, id, 'ACTIVE');
    const rebuild = {
      imageRef: other,
      name: 'two',
      description: 'new',
      metadata: { new: '2' },
      hostname: 'two',
      user_data: 'eA==',
      adminPass: 's3cret',
    };
    const answer = await act(user, id, { rebuild });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        server: {
          id,
          name: 'two',
          adminPass: 's3cret',
          user_data: 'eA==',
          description: 'new',
          metadata: { new: '2' },
          image: { id: other },
        },
      },
    });
    expect(answer.headers.get('location')).toMatch(new RegExp(`/servers/${id}$`));
    await cloud.settled(user, id, 'ACTIVE');
    const after = await show(cloud.admin, id);
    expect(after).toMatchObject({
      name: 'two',
      image: { id: other },
      'OS-EXT-SRV-ATTR:host': before['OS-EXT-SRV-ATTR:host'],
      'OS-EXT-SRV-ATTR:hostname': 'two',
    });
    expect(await eventsOf(cloud, id, 'rebuild')).toEqual([['compute_rebuild_instance', 'Success']]);
    expect(await allocationsOf(cloud, id)).toHaveLength(1);
  });

  test('that is stopped is stopped again after its rebuild', async () => {
    const { user, id } = await serverOf(cloud);
    await act(user, id, { 'os-stop': null });
    await cloud.settled(user, id, 'SHUTOFF');
    await act(user, id, { rebuild: { imageRef: cloud.imageId } });
    expect(await cloud.settled(user, id, 'SHUTOFF')).toMatchObject({ 'OS-EXT-STS:power_state': 4 });
  });

  test('keeps its image when its host does not take the one of a rebuild', async () => {
    const { user, id } = await serverOf(cloud);
    const wanted = { name: 'odd', disk_format: 'raw', container_format: 'bare', hw_architecture: 'aarch64', visibility: 'private' };
    const { id: odd } = (await user.ask('image', 'POST', '/images', wanted)).body;
    await fetch(`${cloud.cloud.endpoints.image}/v2/images/${odd}/file`, {
      method: 'PUT',
      headers: { 'x-auth-token': user.token, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(1024),
    });
    expect((await act(user, id, { rebuild: { imageRef: odd, name: 'never' } })).status).toBe(202);
    expect(await cloud.settled(user, id, 'ERROR')).toMatchObject({
      name: 'one',
      image: { id: cloud.imageId },
      'OS-EXT-STS:power_state': 1,
      fault: { message: expect.stringMatching(/^No valid host was found\. .*architecture aarch64/) },
    });
    expect(await allocationsOf(cloud, id)).toHaveLength(1);
  });

  test('in error keeps its place when its rebuild fails, and can be rebuilt again', async () => {
    const { user, id } = await serverOf(cloud);
    const host = (await show(cloud.admin, id))['OS-EXT-SRV-ATTR:host'];
    {
      using _ = cloud.hypervisors.faults.add({ operation: 'spawn', guest: id, error: conflict('The disk is on fire.') });
      await act(user, id, { rebuild: { imageRef: cloud.imageId } });
      expect(await cloud.settled(user, id, 'ERROR')).toMatchObject({ fault: { message: 'The disk is on fire.' } });
      expect([await allocationsOf(cloud, id), (await show(cloud.admin, id))['OS-EXT-SRV-ATTR:host']]).toEqual([[expect.any(String)], host]);
    }
    await act(user, id, { rebuild: { imageRef: cloud.imageId } });
    await cloud.settled(user, id, 'ACTIVE');
  });

  test('is rescued and brought back', async () => {
    const { user, id } = await serverOf(cloud);
    const answer = await act(user, id, { rescue: { adminPass: 's3cret', rescue_image_ref: cloud.imageId } });
    expect([answer.status, answer.body]).toEqual([200, { adminPass: 's3cret' }]);
    await cloud.settled(user, id, 'RESCUE');
    expect((await act(user, id, { 'os-stop': null })).status).toBe(409);
    expect((await act(user, id, { unrescue: null })).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    expect(await eventsOf(cloud, id, 'rescue')).toEqual([['compute_rescue_instance', 'Success']]);
    expect((await act(user, id, { rescue: { rescue_image_ref: '00000000-0000-4000-8000-000000000000' } })).body.badRequest.message).toMatch(
      /^Instance .* cannot be rescued: /,
    );
  });

  test('runs as before when it cannot be rescued', async () => {
    const { user, id } = await serverOf(cloud);
    using _ = cloud.hypervisors.faults.add({ operation: 'rescue', guest: id, error: conflict('The disk is on fire.') });
    expect((await act(user, id, { rescue: null })).body).toEqual({ adminPass: expect.stringMatching(/^\w{12}$/) });
    expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ 'OS-EXT-STS:power_state': 1 });
    expect(await eventsOf(cloud, id, 'rescue')).toEqual([['compute_rescue_instance', 'Error']]);
  });

  test('is shelved off its host at once, keeps its port, and comes back where it is wanted', async () => {
    const user = await cloud.user('member');
    const { networks } = (await user.ask('network', 'GET', '/networks')).body;
    const networkId = networks.find((network: { name: string }) => network.name === 'private').id;
    const { id } = await serverOf(cloud, { networks: [{ uuid: networkId }] }, user);
    const ports = async () =>
      (await cloud.admin.ask('network', 'GET', `/ports?device_id=${id}`)).body.ports.map(
        (port: { id: string; 'binding:host_id': string }) => [port.id, port['binding:host_id']],
      );
    const [[portId, first]] = await ports();
    expect((await act(user, id, { shelve: null })).status).toBe(202);
    await cloud.settled(user, id, 'SHELVED_OFFLOADED');
    expect(await show(cloud.admin, id)).toMatchObject({ 'OS-EXT-SRV-ATTR:host': null, 'OS-EXT-STS:power_state': 4 });
    expect([await ports(), await allocationsOf(cloud, id)]).toEqual([[[portId, '']], []]);
    const shelved = (await user.ask('image', 'GET', '/images?name=one-shelved')).body.images;
    expect(shelved).toMatchObject([{ status: 'active', image_type: 'snapshot' }]);

    expect((await act(user, id, { unshelve: { host: first } }, '2.91')).status).toBe(403);
    expect((await act(cloud.admin, id, { unshelve: { host: 'none' } }, '2.91')).body.badRequest.message).toBe(
      'Compute host none could not be found.',
    );
    expect((await act(user, id, { unshelve: { availability_zone: 'none' } }, '2.77')).body.badRequest.message).toBe(
      'The requested availability zone is not available',
    );
    const hosts = (await cloud.admin.ask('compute', 'GET', '/os-hypervisors')).body.hypervisors.map(
      (hypervisor: { hypervisor_hostname: string }) => hypervisor.hypervisor_hostname,
    );
    const elsewhere = hosts.find((host: string) => host !== first);
    expect((await act(cloud.admin, id, { unshelve: { host: elsewhere, availability_zone: 'nova' } }, '2.91')).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    expect([await ports(), (await user.ask('image', 'GET', '/images?name=one-shelved')).body.images]).toEqual([[[portId, elsewhere]], []]);
    expect(await eventsOf(cloud, id, 'unshelve')).toEqual([['compute_unshelve_instance', 'Success']]);
    expect(await eventsOf(cloud, id, 'shelve')).toEqual([
      ['compute_shelve_offload_instance', 'Success'],
      ['compute_shelve_instance', 'Success'],
    ]);
  });

  test('that is shelved takes its image along when it is deleted', async () => {
    const { user, id } = await serverOf(cloud, { name: 'leaving' });
    await act(user, id, { shelve: null });
    await cloud.settled(user, id, 'SHELVED_OFFLOADED');
    await user.ask('compute', 'DELETE', `/servers/${id}`);
    await cloud.gone(user, id);
    expect((await user.ask('image', 'GET', '/images?name=leaving-shelved')).body.images).toEqual([]);
  });

  test('gets a password that is written down nowhere', async () => {
    const { user, id } = await serverOf(cloud);
    expect((await act(user, id, { changePassword: { adminPass: 'correct horse' } })).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    const { output } = (await act(user, id, { 'os-getConsoleOutput': {} })).body;
    expect(output).toContain('passwd: password for root changed');
    for (const { database } of cloud.cloud.stores.cells()) {
      const rows = await database.selectFrom('sagas').selectAll().where('subject', '=', id).execute();
      expect(JSON.stringify(rows)).not.toContain('correct horse');
    }
    using _ = cloud.hypervisors.faults.add({ operation: 'setPassword', guest: id, error: conflict('QEMU guest agent is not enabled') });
    expect(await act(user, id, { changePassword: { adminPass: 'x' } })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: 'QEMU guest agent is not enabled' } },
    });
    await cloud.settled(user, id, 'ACTIVE');
    expect(await eventsOf(cloud, id, 'changePassword')).toEqual([['compute_set_admin_password', 'Error']]);
  });

  test('is interrupted for a crash dump, from 2.17 on', async () => {
    const { user, id } = await serverOf(cloud);
    expect((await act(user, id, { trigger_crash_dump: null }, '2.16')).status).toBe(404);
    expect((await act(user, id, { trigger_crash_dump: null }, '2.17')).status).toBe(202);
    await eventually('the dump', async () =>
      (await act(user, id, { 'os-getConsoleOutput': {} })).body.output.includes('NMI') ? true : null,
    );
  });

  test('has its state reset by administrators only', async () => {
    const { user, id } = await serverOf(cloud);
    expect((await act(user, id, { 'os-resetState': { state: 'error' } })).status).toBe(403);
    expect((await act(cloud.admin, id, { 'os-resetState': { state: 'error' } })).status).toBe(202);
    expect((await show(user, id)).status).toBe('ERROR');
    await act(cloud.admin, id, { 'os-resetState': { state: 'active' } });
    expect((await show(user, id)).status).toBe('ACTIVE');
    expect((await act(cloud.admin, id, { injectNetworkInfo: null })).status).toBe(202);
  });
});

describe('a server on a volume', () => {
  let cloud: TestCloud;
  let user: Asker;
  let id: string;
  beforeAll(async () => {
    cloud = await startTestCloud('[cinder]\ncross_az_attach = true\n');
    user = await cloud.user('member');
    const root = {
      source_type: 'image',
      destination_type: 'volume',
      uuid: cloud.imageId,
      boot_index: 0,
      volume_size: 1,
      delete_on_termination: true,
    };
    ({ id } = await serverOf(cloud, { imageRef: '', block_device_mapping_v2: [root] }, user));
  });
  afterAll(() => cloud.stop());
  const volumesOf = async (serverId: string) =>
    (await user.ask('volumev3', 'GET', '/volumes/detail')).body.volumes
      .filter((volume: { attachments: { server_id: string }[] }) => volume.attachments.some((each) => each.server_id === serverId))
      .map((volume: { status: string }) => volume.status);

  test('keeps it while it is shelved', async () => {
    expect(await volumesOf(id)).toEqual(['in-use']);
    await act(user, id, { shelve: null });
    await cloud.settled(user, id, 'SHELVED_OFFLOADED');
    expect((await user.ask('volumev3', 'GET', '/volumes/detail')).body.volumes).toMatchObject([{ status: 'reserved' }]);
    await act(user, id, { unshelve: null });
    await cloud.settled(user, id, 'ACTIVE');
    expect(await volumesOf(id)).toEqual(['in-use']);
  });

  test('is rebuilt on its volume, which gets the image since 2.93', async () => {
    for (const version of ['2.92', '2.93']) {
      expect((await act(user, id, { rebuild: { imageRef: cloud.imageId, name: version } }, version)).status).toBe(202);
      expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ name: version, image: '' });
      expect(await volumesOf(id)).toEqual(['in-use']);
    }
    expect(await eventsOf(cloud, id, 'rebuild')).toEqual([['compute_rebuild_instance', 'Success']]);
  });

  test('becomes an image that names a snapshot, and a server that is made from it gets a volume of that', async () => {
    const { image_id: imageId } = (await act(user, id, { createImage: { name: 'copy' } })).body;
    await cloud.settled(user, id, 'ACTIVE');
    const image = await imageOf(user, imageId);
    expect(image).toMatchObject({ status: 'active', size: 0, bdm_v2: 'True', root_device_name: '/dev/vda' });
    const [mapping] = JSON.parse(image.block_device_mapping);
    expect(mapping).toMatchObject({ source_type: 'snapshot', destination_type: 'volume', boot_index: 0, volume_size: 1 });
    expect((await user.ask('volumev3', 'GET', `/snapshots/${mapping.snapshot_id}`)).body.snapshot).toMatchObject({ status: 'available' });
    const { id: second } = await serverOf(cloud, { imageRef: imageId }, user);
    expect(await volumesOf(second)).toEqual(['in-use']);
  });
});

describe('where a delete can be taken back for a time', () => {
  let cloud: TestCloud;
  beforeAll(async () => void (cloud = await startTestCloud('[DEFAULT]\nreclaim_instance_interval = 3600\nshelved_offload_time = -1\n')));
  afterAll(() => cloud.stop());

  test('a deleted server is restored with what it had', async () => {
    const { user, id } = await serverOf(cloud);
    expect((await user.ask('compute', 'DELETE', `/servers/${id}`)).status).toBe(204);
    expect(await cloud.settled(user, id, 'SOFT_DELETED')).toMatchObject({ 'OS-EXT-STS:power_state': 4 });
    expect((await user.ask('compute', 'GET', '/servers')).body.servers).toEqual([]);
    expect(await allocationsOf(cloud, id)).toHaveLength(1);
    expect((await act(user, id, { restore: null })).status).toBe(202);
    expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({ 'OS-EXT-STS:power_state': 1 });
    expect((await act(user, id, { restore: null })).status).toBe(409);
  });

  test('a deleted server does not count, and is not restored beyond a quota', async () => {
    const { user, id } = await serverOf(cloud);
    await cloud.admin.ask('compute', 'PUT', `/os-quota-sets/${user.projectId}`, { quota_set: { instances: 1 } });
    await user.ask('compute', 'DELETE', `/servers/${id}`);
    await cloud.settled(user, id, 'SOFT_DELETED');
    await serverOf(cloud, {}, user);
    expect((await act(user, id, { restore: null })).body.forbidden.message).toBe(
      'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances',
    );
  });

  test('a deleted server is deleted for good when that is forced', async () => {
    const { user, id } = await serverOf(cloud);
    await user.ask('compute', 'DELETE', `/servers/${id}`);
    await cloud.settled(user, id, 'SOFT_DELETED');
    expect((await act(user, id, { forceDelete: null })).status).toBe(202);
    await cloud.gone(user, id);
    expect(await allocationsOf(cloud, id)).toEqual([]);
  });

  test('a shelved server stays on its host until an administrator takes it off', async () => {
    const { user, id } = await serverOf(cloud);
    await act(user, id, { shelve: null });
    await cloud.settled(user, id, 'SHELVED');
    expect(await act(user, id, { unshelve: { availability_zone: 'nova' } }, '2.77')).toMatchObject({ status: 409 });
    expect((await act(user, id, { unshelve: null })).status).toBe(202);
    await cloud.settled(user, id, 'ACTIVE');
    await act(user, id, { shelve: null });
    await cloud.settled(user, id, 'SHELVED');
    expect((await act(user, id, { shelveOffload: null })).status).toBe(403);
    expect((await act(cloud.admin, id, { shelveOffload: null })).status).toBe(202);
    await cloud.settled(user, id, 'SHELVED_OFFLOADED');
    expect(await allocationsOf(cloud, id)).toEqual([]);
  });
});

describe('where time brings things to their end', () => {
  let cloud: TestCloud;
  const conf = '[DEFAULT]\nreclaim_instance_interval = 1\nshelved_offload_time = 1\nshelved_poll_interval = 1\n';
  beforeAll(async () => void (cloud = await startTestCloud(conf)));
  afterAll(() => cloud.stop());

  test('a deleted server goes by itself', async () => {
    const { user, id } = await serverOf(cloud);
    await user.ask('compute', 'DELETE', `/servers/${id}`);
    await cloud.gone(user, id);
    expect(await allocationsOf(cloud, id)).toEqual([]);
  });

  test('a shelved server leaves its host by itself', async () => {
    const { user, id } = await serverOf(cloud);
    await act(user, id, { shelve: null });
    await cloud.settled(user, id, 'SHELVED_OFFLOADED');
    expect(await allocationsOf(cloud, id)).toEqual([]);
  });
});
