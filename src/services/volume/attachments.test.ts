import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createVolumeClient } from '../../clients/volume-http.ts';
import { isNbdConnection } from '../../clients/volume.ts';
import { silentLog } from '../../lib/log.ts';
import { testVolumeService, type TestVolumeService } from './test-support/volume-service.ts';

let service: TestVolumeService;
let several: string;
let secret: string;
beforeAll(async () => {
  service = await testVolumeService({ options: { quotaVolumes: 50 } });
  const { body: shared } = await service.ask('x.admin', 'POST', '/types', {
    volume_type: { name: 'shared', extra_specs: { multiattach: '<is> True' } },
  });
  several = shared.volume_type.name;
  const { body: type } = await service.ask('x.admin', 'POST', '/types', { volume_type: { name: 'secret' } });
  secret = type.volume_type.id;
  await service.ask('x.admin', 'POST', `/types/${secret}/encryption`, {
    encryption: { provider: 'luks', cipher: 'aes-xts-plain64', key_size: 256 },
  });
});
afterAll(() => service[Symbol.asyncDispose]());

const connector = { host: 'here', ip: '127.0.0.1' };
const reserve = async (volumeId: string, serverId: string, more: object = {}, token = 'nova.service') =>
  service.ask(token, 'POST', '/attachments', { attachment: { volume_uuid: volumeId, instance_uuid: serverId, ...more } });
const status = async (id: string): Promise<string> => (await service.ask('x.admin', 'GET', `/volumes/${id}`)).body.volume.status;

describe('an attachment', () => {
  it('is complete by name for a server without a host, and connected when it has one', async () => {
    const [{ id }, serverId] = [await service.volume('alpha.member'), randomUUID()];
    const at = `/attachments/${(await reserve(id, serverId, {}, 'alpha.member')).body.attachment.id}`;
    expect((await service.ask('nova.service', 'POST', `${at}/action`, { 'os-complete': {} })).status).toBe(204);
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).body.volume).toMatchObject({
      status: 'in-use',
      attachments: [{ server_id: serverId, host_name: null }],
    });
    const connected = await service.ask('nova.service', 'PUT', at, { attachment: { connector } });
    expect(connected.body.attachment).toMatchObject({ status: 'attached', connection_info: { driver_volume_type: 'nbd' } });
    expect((await service.ask('nova.service', 'DELETE', at)).status).toBe(200);
    expect(await status(id)).toBe('available');
  });

  it('goes from reserved through attaching to attached, and back', async () => {
    const [{ id }, serverId] = [await service.volume('alpha.member'), randomUUID()];
    const { status: code, body } = await reserve(id, serverId, {}, 'alpha.member');
    expect([code, body.attachment]).toMatchObject([
      200,
      { id: expect.any(String), status: 'reserved', instance: serverId, volume_id: id, connection_info: {}, attach_mode: 'null' },
    ]);
    expect(await status(id)).toBe('reserved');
    const at = `/attachments/${body.attachment.id}`;
    const connected = await service.ask('nova.service', 'PUT', at, { attachment: { connector } });
    expect(connected.body.attachment).toMatchObject({
      status: 'attaching',
      attach_mode: 'rw',
      connection_info: {
        driver_volume_type: 'nbd',
        transport: 'unix',
        socket: expect.stringContaining(id),
        export_name: body.attachment.id,
        format: 'raw',
        access_mode: 'rw',
        size_bytes: 1024 ** 3,
        encrypted: false,
        attachment_id: body.attachment.id,
      },
    });
    expect(await status(id)).toBe('attaching');
    expect((await service.ask('nova.service', 'PUT', at, { attachment: { connector } })).body).toEqual(connected.body);
    expect((await service.ask('nova.service', 'POST', `${at}/action`, { 'os-complete': {} })).status).toBe(204);
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).body.volume).toMatchObject({
      status: 'in-use',
      attachments: [{ id, attachment_id: body.attachment.id, server_id: serverId, host_name: null, attached_at: expect.any(String) }],
    });
    expect((await service.ask('alpha.member', 'DELETE', `/volumes/${id}`)).status).toBe(400);
    expect((await service.ask('alpha.member', 'DELETE', at)).body).toEqual({
      conflictingRequest: { code: 409, message: `Detach volume from instance ${serverId} using the Compute API` },
    });
    expect((await service.ask('nova.service', 'DELETE', at)).body).toEqual({ attachments: [] });
    expect(await status(id)).toBe('available');
    expect((await service.ask('nova.service', 'DELETE', at)).status).toBe(404);
  });

  it('tells how it is connected to services and administrators only', async () => {
    const { id } = await service.volume('alpha.member');
    const { body } = await reserve(id, randomUUID(), { connector });
    const shown = async (token: string) =>
      (await service.ask(token, 'GET', `/attachments/${body.attachment.id}`)).body.attachment.connection_info;
    expect(await shown('alpha.member')).toEqual({});
    expect(await shown('nova.service')).toMatchObject({ driver_volume_type: 'nbd' });
    expect(await shown('x.admin')).toMatchObject({ driver_volume_type: 'nbd' });
    expect((await service.ask('beta.member', 'GET', `/attachments/${body.attachment.id}`)).status).toBe(404);
    expect((await service.ask('beta.member', 'GET', '/attachments/detail?all_tenants=1')).body.attachments).toEqual([]);
  });

  it('is the only one of its volume, unless the type allows several', async () => {
    const [one, many] = [await service.volume('alpha.member'), await service.volume('alpha.member', { volume_type: several })];
    await reserve(one.id, randomUUID());
    expect((await reserve(one.id, randomUUID())).body.badRequest.message).toContain('to reserve, but the current status is reserved');
    const servers = [randomUUID(), randomUUID()];
    const ids: string[] = [];
    for (const serverId of servers) {
      const { body } = await reserve(many.id, serverId, { connector });
      ids.push(body.attachment.id);
      await service.ask('nova.service', 'POST', `/attachments/${body.attachment.id}/action`, { 'os-complete': {} });
    }
    expect((await service.ask('x.admin', 'GET', `/volumes/${many.id}`)).body.volume.attachments).toHaveLength(2);
    expect((await service.ask('nova.service', 'DELETE', `/attachments/${ids[0]}`)).body.attachments).toHaveLength(1);
    expect(await status(many.id)).toBe('in-use');
    await service.ask('nova.service', 'DELETE', `/attachments/${ids[1]}`);
    expect(await status(many.id)).toBe('available');
  });

  it('is won by one of many who ask at the same time', async () => {
    const { id } = await service.volume('alpha.member');
    const answers = await Promise.all(Array.from({ length: 6 }, () => reserve(id, randomUUID())));
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 400, 400, 400, 400, 400]);
  });

  it('is made a second time for the same server, which moves to another host', async () => {
    const [{ id }, serverId] = [await service.volume('alpha.member'), randomUUID()];
    const { body: first } = await reserve(id, serverId, { connector });
    await service.ask('nova.service', 'POST', `/attachments/${first.attachment.id}/action`, { 'os-complete': {} });
    const { status: code, body: second } = await reserve(id, serverId, { connector });
    expect([code, second.attachment.status]).toEqual([200, 'attaching']);
    await service.ask('nova.service', 'DELETE', `/attachments/${first.attachment.id}`);
    expect(await status(id)).toBe('attaching');
    await service.ask('nova.service', 'POST', `/attachments/${second.attachment.id}/action`, { 'os-complete': {} });
    expect(await status(id)).toBe('in-use');
  });

  it('is read-only where the volume or the server wants it so', async () => {
    const [asked, flagged] = [await service.volume('alpha.member'), await service.volume('alpha.member')];
    expect((await reserve(asked.id, randomUUID(), { mode: 'ro', connector })).body.attachment).toMatchObject({
      attach_mode: 'ro',
      connection_info: { access_mode: 'ro' },
    });
    await service.ask('alpha.member', 'POST', `/volumes/${flagged.id}/action`, { 'os-update_readonly_flag': { readonly: true } });
    expect((await reserve(flagged.id, randomUUID(), { mode: 'rw', connector })).body.attachment.attach_mode).toBe('ro');
  });

  it('keeps the volume in use while it grows, and while its detaching is begun and given up', async () => {
    const [{ id }, serverId] = [await service.volume('alpha.member'), randomUUID()];
    const { body } = await reserve(id, serverId, { connector });
    await service.ask('nova.service', 'POST', `/attachments/${body.attachment.id}/action`, { 'os-complete': {} });
    const act = (action: object, headers = {}) => service.ask('alpha.member', 'POST', `/volumes/${id}/action`, action, headers);
    expect((await act({ 'os-extend': { new_size: 2 } }, { 'openstack-api-version': 'volume 3.41' })).status).toBe(400);
    expect((await act({ 'os-extend': { new_size: 2 } })).status).toBe(202);
    expect((await service.settled('alpha.member', `/volumes/${id}`, 'in-use')).size).toBe(2);
    expect((await act({ 'os-begin_detaching': null })).status).toBe(202);
    expect((await act({ 'os-begin_detaching': null })).status).toBe(400);
    expect((await act({ 'os-roll_detaching': null })).status).toBe(202);
    expect(await status(id)).toBe('in-use');
  });

  it('refuses connectors that make no sense', async () => {
    const { id } = await service.volume('alpha.member');
    const { body } = await reserve(id, randomUUID());
    const at = `/attachments/${body.attachment.id}`;
    for (const bad of [{}, { host: '' }, { host: 7 }, { host: 'x'.repeat(300) }, { host: 'here', mode: 'rwx' }, null, [], 'here'])
      expect([bad, (await service.ask('nova.service', 'PUT', at, { attachment: { connector: bad } })).status]).toEqual([bad, 400]);
    expect((await service.ask('nova.service', 'PUT', at, {})).status).toBe(400);
    expect((await reserve('nobody', randomUUID())).status).toBe(400);
    expect((await reserve(randomUUID(), randomUUID())).status).toBe(404);
    expect(await status(id)).toBe('reserved');
  });
});

describe('an encrypted volume', () => {
  it('gives its key to services in the connection, and to nobody else anywhere', async () => {
    const made = await service.volume('alpha.member', { volume_type: 'secret' });
    expect(made).toMatchObject({ encrypted: true, encryption_key_id: expect.any(String) });
    const { body } = await reserve(made.id, randomUUID(), { connector });
    const { encryption } = body.attachment.connection_info;
    expect(encryption).toMatchObject({
      provider: 'luks',
      cipher: 'aes-xts-plain64',
      key_size: 256,
      passphrase: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await service.ask('alpha.member', 'GET', `/volumes/${made.id}/encryption`)).body).toEqual({
      volume_id: made.id,
      encryption_key_id: made.encryption_key_id,
      control_location: 'front-end',
      cipher: 'aes-xts-plain64',
      key_size: 256,
      provider: 'luks',
    });
    const told = [];
    for (const path of [`/volumes/${made.id}`, `/attachments/${body.attachment.id}`, '/attachments/detail', '/volumes/detail'])
      told.push(JSON.stringify((await service.ask('alpha.member', 'GET', path)).body));
    expect(`${told.join('')}${service.logged.join('')}`).not.toContain(encryption.passphrase);
  });

  it('is copied with a copy of its key, and neither mixed with plain ones nor uploaded', async () => {
    const made = await service.volume('alpha.member', { volume_type: 'secret' });
    const copy = await service.volume('alpha.member', { source_volid: made.id });
    expect(copy).toMatchObject({ encrypted: true, volume_type: 'secret' });
    expect(copy.encryption_key_id).not.toBe(made.encryption_key_id);
    const key = async (id: string) =>
      (await reserve(id, randomUUID(), { connector })).body.attachment.connection_info.encryption.passphrase as string;
    expect(await key(copy.id)).toBe(await key(made.id));
    const mixed = await service.ask('alpha.member', 'POST', '/volumes', {
      volume: { size: 1, source_volid: made.id, volume_type: '__DEFAULT__' },
    });
    expect(mixed.status).toBe(400);
    expect(
      (
        await service.ask('alpha.member', 'POST', `/volumes/${made.id}/action`, {
          'os-volume_upload_image': { image_name: 'leak', force: true },
        })
      ).status,
    ).toBe(400);
  });

  it('has a type that cannot be changed while it is used, nor be nonsense', async () => {
    await service.volume('alpha.member', { volume_type: 'secret' });
    const { body } = await service.ask('x.admin', 'GET', `/types/${secret}/encryption`);
    const at = `/types/${secret}/encryption/${body.encryption_id}`;
    expect((await service.ask('x.admin', 'PUT', at, { encryption: { key_size: 128 } })).status).toBe(400);
    expect((await service.ask('x.admin', 'DELETE', at)).status).toBe(400);
    const { body: other } = await service.ask('x.admin', 'POST', '/types', { volume_type: { name: 'other' } });
    for (const bad of [
      { provider: 'rot13' },
      { provider: 'luks', cipher: 'des' },
      { provider: 'luks', key_size: 7 },
      { provider: 'luks', control_location: 'back-end' },
      {},
    ])
      expect([
        bad,
        (await service.ask('x.admin', 'POST', `/types/${other.volume_type.id}/encryption`, { encryption: bad })).status,
      ]).toEqual([bad, 400]);
    expect((await service.ask('alpha.member', 'GET', `/types/${secret}/encryption`)).status).toBe(403);
  });

  it('is made from a plain one by a retype that may write anew', async () => {
    const made = await service.volume('alpha.member');
    const retype = (how: object) =>
      service.ask('alpha.member', 'POST', `/volumes/${made.id}/action`, { 'os-retype': { new_type: 'secret', ...how } });
    expect((await retype({})).status).toBe(400);
    expect((await retype({ migration_policy: 'on-demand' })).status).toBe(202);
    expect(await service.settled('alpha.member', `/volumes/${made.id}`, 'available')).toMatchObject({
      encrypted: true,
      volume_type: 'secret',
    });
  });
});

describe('the client that compute uses', () => {
  const client = createVolumeClient({ endpoints: { url: async () => `${service.url}/v3/some-project` }, log: silentLog });
  afterAll(() => client.close());
  const [nova, alpha, admin] = ['nova.service', 'alpha.member', 'x.admin'].map((token) => ({ token: async () => token })) as [
    { token(): Promise<string> },
    { token(): Promise<string> },
    { token(): Promise<string> },
  ];
  const available = (id: string) => service.settled('x.admin', `/volumes/${id}`, 'available');

  it('does everything a server needs', async () => {
    const made = await client.create(nova, { size: 1, name: 'root', projectId: 'alpha', metadata: { a: 'b' } }, { idempotencyKey: 'k1' });
    expect((await client.create(nova, { size: 1, name: 'root', projectId: 'alpha' }, { idempotencyKey: 'k1' })).id).toBe(made.id);
    await available(made.id);
    expect(await client.show(alpha, made.id)).toMatchObject({
      status: 'available',
      size: 1,
      projectId: 'alpha',
      metadata: { a: 'b' },
      bootable: false,
      uses: [],
    });
    const serverId = randomUUID();
    const attachment = await client.createAttachment(nova, { volumeId: made.id, serverId, mode: 'ro' }, { idempotencyKey: 'a1' });
    expect((await client.createAttachment(nova, { volumeId: made.id, serverId }, { idempotencyKey: 'a1' })).id).toBe(attachment.id);
    expect(attachment).toMatchObject({ status: 'reserved', connection: null });
    const { connection } = await client.connectAttachment(nova, attachment.id, connector);
    expect(connection !== null && isNbdConnection(connection) ? connection.data : null).toMatchObject({
      transport: { kind: 'unix' },
      exportName: attachment.id,
      accessMode: 'ro',
      bytes: 1024 ** 3,
      encryption: null,
      qos: {},
    });
    await client.completeAttachment(nova, attachment.id);
    expect(await client.attachments(nova, { serverId })).toEqual([{ id: attachment.id, volumeId: made.id, serverId, status: 'attached' }]);
    expect(await client.attachments(nova, { serverId, volumeId: randomUUID() })).toEqual([]);
    expect(await client.attachment(nova, attachment.id)).toMatchObject({ status: 'attached', mode: 'ro' });
    expect((await client.show(admin, made.id)).uses).toMatchObject([{ attachmentId: attachment.id, serverId, hostName: 'here' }]);
    await client.beginDetaching(nova, made.id);
    await client.rollDetaching(nova, made.id);
    const snapshot = await client.createSnapshot(nova, { volumeId: made.id, name: 's' });
    await service.settled('x.admin', `/snapshots/${snapshot.id}`, 'available');
    expect(await client.snapshot(alpha, snapshot.id)).toMatchObject({
      volumeId: made.id,
      status: 'available',
      progress: '100%',
      projectId: 'alpha',
    });
    await client.deleteSnapshot(nova, snapshot.id);
    await service.gone('x.admin', `/snapshots/${snapshot.id}`);
    await client.deleteSnapshot(nova, snapshot.id);
    await client.deleteAttachment(nova, attachment.id);
    await client.deleteAttachment(nova, attachment.id);
    await client.extend(nova, made.id, 2);
    await available(made.id);
    const image = service.images.add({}, Buffer.alloc(512));
    await client.reimage(nova, made.id, image.id);
    await available(made.id);
    expect((await client.show(alpha, made.id)).imageMetadata).toMatchObject({ image_id: image.id });
    expect((await client.list(alpha, { name: 'root' })).map(({ id }) => id)).toEqual([made.id]);
    expect((await client.limits(alpha)).volumes).toMatchObject({ limit: 50 });
    expect(await client.availabilityZones(alpha)).toEqual(['nova']);
    await client.delete(nova, made.id);
    await service.gone('x.admin', `/volumes/${made.id}`);
    await client.delete(nova, made.id);
  });

  it('tells refusals by their kind', async () => {
    await expect(client.show(alpha, randomUUID())).rejects.toMatchObject({ kind: 'notFound' });
    await expect(client.create(alpha, { size: 1_000_000 })).rejects.toMatchObject({ kind: 'quota' });
    await expect(client.create(alpha, { size: 1, projectId: 'beta' })).rejects.toMatchObject({ kind: 'forbidden' });
    const made = await client.create(alpha, { size: 1 });
    await available(made.id);
    await expect(client.beginDetaching(alpha, made.id)).rejects.toMatchObject({ kind: 'invalid' });
  });
});

it('finishes what was promised before it was stopped, and serves what was served', async () => {
  const kept = await service.volume('alpha.member');
  const { body } = await reserve(kept.id, randomUUID(), { connector });
  const asked = await Promise.all([1, 2, 3].map(() => service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1 } })));
  await service.restart();
  for (const { body: made } of asked) await service.settled('alpha.member', `/volumes/${made.volume.id}`, 'available');
  expect((await service.ask('nova.service', 'GET', `/attachments/${body.attachment.id}`)).body.attachment.connection_info).toEqual(
    body.attachment.connection_info,
  );
});
