import { generateKeyPairSync, privateDecrypt, constants } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Instance } from '../../../../domain/instance.ts';
import { conflict, unsupported } from '../../../../lib/errors.ts';
import { createAggregate } from '../../../../store/aggregates.ts';
import { findInstance, transition, updateInstance } from '../../../../store/instances.ts';
import { startApiUnderTest, type Answer, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { encryptForKey } from './encrypt-for-key.ts';
import { sampleImage, sampleInstanceImage, sampleVif } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let id: Instance['id'];
const imageId = '0f0f0f0f-0000-4000-8000-000000000001';
const otherId = '0f0f0f0f-0000-4000-8000-000000000002';
const image = sampleInstanceImage({
  id: imageId,
  properties: { os_distro: 'debian', img_signature: 'x', cache_in_nova: 'yes' },
});
/** What hosts were asked for a password. */
const passwords: { readonly user: string; readonly password: string | null }[] = [];
let refusal: Error | null = null;

beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nmetadata_items = 2\ninjected_files = 1\n');
  const setPassword = ({ user, password }: (typeof passwords)[number]): Promise<void> => {
    passwords.push({ user, password });
    return refusal === null ? Promise.resolve() : Promise.reject(refusal);
  };
  await api.host('host-1', {}, { setPassword });
  for (const each of [image, { ...image, id: otherId, properties: {} }]) api.neighbours.images.set(each.id, sampleImage(each));
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  refusal = null;
  passwords.length = 0;
  ({ id } = await api.server({ image }));
});

const act = (body: object, version = '2.1', who = 'alpha.member'): Promise<Answer> =>
  api.as(who)('POST', `/servers/${id}/action`, { version, body });
const now = async (): Promise<Instance> => (await findInstance(api.stores, id))!.instance;
const sagaOf = async () =>
  api.stores.defaultCell.database
    .selectFrom('sagas')
    .selectAll()
    .where('subject', '=', id)
    .orderBy('created_at', 'desc')
    .executeTakeFirstOrThrow();
/** The message of a refusal with its status. */
const refused = ({ status, body }: Answer): readonly [number, string] => [
  status,
  (Object.values(body as object)[0] as { readonly message: string }).message,
];

describe('rebuild', () => {
  const rebuild = (more: object = {}) => ({ rebuild: { imageRef: imageId, ...more } });

  test.each([
    ['description', 'x', '2.18', '2.19'],
    ['key_name', null, '2.53', '2.54'],
    ['user_data', 'eA==', '2.56', '2.57'],
    ['trusted_image_certificates', ['one'], '2.62', '2.63'],
    ['hostname', 'two', '2.89', '2.90'],
  ])('takes %s since its microversion', async (key, value, before, since) => {
    expect(refused(await act(rebuild({ [key]: value }), before))).toEqual([400, expect.stringContaining(`'${key}' was unexpected`)]);
    expect((await act(rebuild({ [key]: value }), since)).status).toBe(202);
  });

  test('takes files until 2.56, within their limits', async () => {
    const personality = [{ path: '/etc/motd', contents: 'aGVsbG8=' }];
    expect((await act(rebuild({ personality }), '2.57')).status).toBe(400);
    expect(refused(await act(rebuild({ personality: [...personality, ...personality] }), '2.56'))).toEqual([
      403,
      'Personality file limit exceeded',
    ]);
    expect((await act(rebuild({ personality }), '2.56')).status).toBe(202);
    expect((await now()).files).toEqual([{ path: '/etc/motd', content: 'aGVsbG8=' }]);
  });

  test('takes a whole name as hostname since 2.94', async () => {
    expect((await act(rebuild({ hostname: 'two.example.org' }), '2.93')).status).toBe(400);
    expect((await act(rebuild({ hostname: 'two.example.org' }), '2.94')).status).toBe(202);
  });

  test('changes at once what it names, and nothing else', async () => {
    await updateInstance(api.stores.defaultCell.database, id, { metadata: { old: '1' }, userData: 'b2xk', description: 'old' });
    const answer = await act(rebuild({ imageRef: otherId, metadata: { new: '2' }, user_data: null, 'OS-DCF:diskConfig': 'AUTO' }), '2.57');
    expect(answer.headers['location']).toMatch(new RegExp(`/v2.1/servers/${id}$`));
    expect(answer.body.server).toMatchObject({ status: 'REBUILD', adminPass: expect.stringMatching(/^\w{12}$/), user_data: null });
    expect(await now()).toMatchObject({
      image: { id: otherId },
      metadata: { new: '2' },
      userData: null,
      description: 'old',
      diskConfig: 'AUTO',
      taskState: 'rebuilding',
    });
    expect(await sagaOf()).toMatchObject({
      name: 'rebuild-instance',
      params: { otherImage: true, was: 'active', before: { image: { id: imageId }, metadata: { old: '1' }, userData: 'b2xk' } },
    });
  });

  test.each([
    ['2.74', ['version', 'addr']],
    ['2.75', ['version', 'addr', 'OS-EXT-IPS:type', 'OS-EXT-IPS-MAC:mac_addr']],
  ])('tells of addresses at %s what an answer to a change told then', async (version, keys) => {
    await updateInstance(api.stores.defaultCell.database, id, { networkInfo: [sampleVif()] });
    expect(Object.keys((await act(rebuild(), version)).body.server.addresses.net[0])).toEqual(keys);
  });

  test('refuses what cannot be', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect(refused(await act(rebuild({ imageRef: unknown })))).toEqual([400, 'Cannot find image for rebuild']);
    expect(refused(await act(rebuild({ key_name: 'none' }), '2.54'))).toEqual([400, 'Invalid key_name provided.']);
    expect(refused(await act(rebuild({ metadata: { a: '1', b: '2', c: '3' } })))).toEqual([
      403,
      'Maximum number of metadata items exceeds 2',
    ]);
    await updateInstance(api.stores.defaultCell.database, id, { image: null });
    expect((await act(rebuild(), '2.92')).status).toBe(400);
    expect((await now()).taskState).toBe(null);
  });
});

describe('images of a server', () => {
  test('inherit what may be inherited, and are their user’s', async () => {
    const { body } = await act({ createImage: { name: 'copy', metadata: { colour: 'red' } } }, '2.45');
    const made = api.neighbours.images.get(body.image_id)!;
    expect(made).toMatchObject({ name: 'copy', status: 'queued', owner: 'alpha', visibility: 'private', diskFormat: 'qcow2', minDisk: 1 });
    expect(made.properties).toEqual({
      os_distro: 'debian',
      colour: 'red',
      base_image_ref: imageId,
      image_type: 'snapshot',
      instance_uuid: id,
      user_id: 'alpha.member',
      owner_user_name: 'alpha.member',
      owner_project_name: 'alpha',
    });
    expect(await sagaOf()).toMatchObject({ name: 'snapshot-instance', params: { imageId: made.id, quiesce: 'never', backup: null } });
    ({ id } = await api.server({ image }));
    const typed = await act({ createImage: { name: 'copy', metadata: { image_type: 'test' } } }, '2.45');
    expect(api.neighbours.images.get(typed.body.image_id)?.properties).toMatchObject({ image_type: 'test', instance_uuid: id });
  });

  test('go again when the snapshot is refused at the last moment', async () => {
    const before = new Set(api.neighbours.images.keys());
    api.neighbours.whenImageIsMade = () => transition(api.stores.defaultCell.database, id, { taskState: 'powering-off' });
    expect(refused(await act({ createImage: { name: 'copy' } }))).toEqual([
      409,
      `Cannot 'createImage' instance ${id} while it is in task_state powering-off`,
    ]);
    api.neighbours.whenImageIsMade = () => Promise.resolve();
    expect(new Set(api.neighbours.images.keys())).toEqual(before);
  });

  test('have as much metadata as servers until 2.38', async () => {
    const createImage = { name: 'copy', metadata: { a: '1', b: '2', c: '3' } };
    expect(refused(await act({ createImage }, '2.38'))).toEqual([403, 'Image metadata limit exceeded']);
    expect((await act({ createImage }, '2.39')).status).toBe(202);
  });

  test('rest first where the image asks for it', async () => {
    const properties = { hw_qemu_guest_agent: 'yes', os_require_quiesce: 'yes' };
    await updateInstance(api.stores.defaultCell.database, id, { image: { ...image, properties } });
    await act({ createImage: { name: 'copy' } });
    expect(await sagaOf()).toMatchObject({ params: { quiesce: 'must' } });
  });

  test('are told by a Location until 2.44, and not at all where none is kept', async () => {
    const backup = (rotation: number) => ({ createBackup: { name: 'x', backup_type: 'daily', rotation } });
    expect((await act(backup(0), '2.44')).headers['location']).toBe(undefined);
    await transition(api.stores.defaultCell.database, id, { taskState: null });
    expect((await act(backup(1), '2.44')).headers['location']).toMatch(/^http:\/\/image\/images\/[0-9a-f-]{36}$/);
    await transition(api.stores.defaultCell.database, id, { taskState: null });
    expect((await act(backup(1), '2.45')).body).toEqual({ image_id: expect.any(String) });
  });

  test('are not made of volumes', async () => {
    await updateInstance(api.stores.defaultCell.database, id, { image: null });
    expect(refused(await act({ createBackup: { name: 'x', backup_type: 'daily', rotation: 1 } }))).toEqual([
      400,
      'Backup is not supported for volume-backed instances.',
    ]);
  });
});

describe('unshelve', () => {
  const become = (vmState: 'shelved' | 'shelved_offloaded') =>
    transition(api.stores.defaultCell.database, id, { vmState, taskState: null });
  beforeEach(async () => void (await become('shelved_offloaded')));

  test('takes a zone since 2.77, and a host since 2.91', async () => {
    await act({ unshelve: { anything: 'goes' } }, '2.76');
    expect((await sagaOf()).params).toMatchObject({ offloaded: true, host: null });
    await become('shelved_offloaded');
    expect((await act({ unshelve: {} }, '2.77')).status).toBe(400);
    expect((await act({ unshelve: { availability_zone: 'nova', host: 'host-1' } }, '2.90')).status).toBe(400);
    expect((await act({ unshelve: { availability_zone: 'nova' } }, '2.77')).status).toBe(202);
    await become('shelved_offloaded');
    expect((await act({ unshelve: { availability_zone: null } }, '2.91')).status).toBe(202);
    await become('shelved_offloaded');
    expect((await act({ unshelve: {} }, '2.91')).status).toBe(202);
  });

  test('lets administrators name a host, which must be in the zone that is named', async () => {
    expect((await act({ unshelve: { host: 'host-1' } }, '2.91')).status).toBe(403);
    await createAggregate(api.stores.api, { uuid: otherId, name: 'elsewhere', metadata: { availability_zone: 'elsewhere' } });
    expect(refused(await act({ unshelve: { host: 'host-1', availability_zone: 'elsewhere' } }, '2.91', 'alpha.admin'))).toEqual([
      409,
      'Host "host-1" is not in the availability zone "elsewhere".',
    ]);
    expect(refused(await act({ unshelve: { host: 'none' } }, '2.91', 'alpha.admin'))).toEqual([
      400,
      'Compute host none could not be found.',
    ]);
    expect((await act({ unshelve: { host: 'host-1' } }, '2.91', 'alpha.admin')).status).toBe(202);
  });

  test('names a place only for a server that is on no host', async () => {
    await become('shelved');
    const status = `with status "SHELVED" is not supported. The server status must be SHELVED_OFFLOADED.`;
    expect(refused(await act({ unshelve: { availability_zone: 'nova' } }, '2.77'))).toEqual([
      409,
      `Specifying an availability zone when unshelving server "${id}" ${status}`,
    ]);
    expect(refused(await act({ unshelve: { availability_zone: 'nova' } }, '2.91'))).toEqual([
      409,
      `Specifying an availability zone or a host when unshelving server "${id}" ${status}`,
    ]);
  });
});

describe('a password', () => {
  const change = { changePassword: { adminPass: 'correct horse' } };

  test('is the one of whom the image calls its administrator', async () => {
    await updateInstance(api.stores.defaultCell.database, id, { image: { ...image, properties: { os_admin_user: 'ops' } } });
    expect((await act(change)).status).toBe(202);
    expect(passwords).toEqual([{ user: 'ops', password: 'correct horse' }]);
    const saga = await sagaOf();
    expect([saga.params, JSON.stringify(saga).includes('horse')]).toMatchObject([{ outcome: { failure: null } }, false]);
  });

  test('that the guest refuses is a conflict; one that nobody hears is not implemented', async () => {
    refusal = conflict('QEMU guest agent is not enabled');
    expect(refused(await act(change))).toEqual([409, 'QEMU guest agent is not enabled']);
    await transition(api.stores.defaultCell.database, id, { taskState: null });
    refusal = unsupported('Unable to set password on instance');
    expect(refused(await act(change))).toEqual([501, 'Unable to set password on instance']);
    expect((await sagaOf()).params).toMatchObject({ outcome: { failure: { kind: 'unsupported' } } });
  });

  test('can be read by the owner of the server’s key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { e, n } = publicKey.export({ format: 'jwk' });
    const field = (bytes: Buffer): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return Buffer.concat([length, bytes]);
    };
    const modulus = Buffer.concat([Buffer.from([0]), Buffer.from(n!, 'base64url')]);
    const data = `ssh-rsa ${Buffer.concat([field(Buffer.from('ssh-rsa')), field(Buffer.from(e!, 'base64url')), field(modulus)]).toString('base64')} me`;
    await updateInstance(api.stores.defaultCell.database, id, { publicKey: { name: 'mine', type: 'ssh', data } });
    await act(change);
    const { password } = (await api.as('alpha.member')('GET', `/servers/${id}/os-server-password`)).body;
    const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
    expect(privateDecrypt(key, Buffer.from(password as string, 'base64')).toString()).toBe('correct horse');
    expect(encryptForKey('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me', 'x')).toBe(null);
  });
});

describe('rescue', () => {
  test('answers the password it was given or has made, unless passwords are not shown', async () => {
    expect((await act({ rescue: { adminPass: 'x' } })).body).toEqual({ adminPass: 'x' });
    expect((await sagaOf()).params).toMatchObject({ image: { id: imageId }, adminPass: 'x', was: 'active' });
  });

  test('of a server on a volume comes with 2.87, with images that say what they become, and with hosts that can', async () => {
    await updateInstance(api.stores.defaultCell.database, id, { image: null });
    const rescue = (of: string) => ({ rescue: { rescue_image_ref: of } });
    const cannot = (why: string) => [400, `Instance ${id} cannot be rescued: ${why}`];
    expect(refused(await act(rescue(imageId), '2.86'))).toEqual(cannot('Cannot rescue a volume-backed instance'));
    expect(refused(await act(rescue(imageId), '2.87'))[1]).toContain('without the image properties hw_rescue_bus or hw_rescue_device');
    const stable = { ...image, id: '0f0f0f0f-0000-4000-8000-000000000003', properties: { hw_rescue_bus: 'virtio' } };
    api.neighbours.images.set(stable.id, sampleImage(stable));
    expect(refused(await act(rescue(stable.id), '2.87'))).toEqual(cannot('Host unable to rescue a volume-backed instance'));
    for (const provider of api.neighbours.providers.values()) provider.traits = ['COMPUTE_RESCUE_BFV'];
    expect((await act(rescue(stable.id), '2.87')).status).toBe(200);
  });
});
