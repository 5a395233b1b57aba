import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testVolumeService, type TestVolumeService } from './test-support/volume-service.ts';

let service: TestVolumeService;
beforeAll(async () => {
  service = await testVolumeService({ options: { quotaVolumes: 50 } });
});
afterAll(() => service[Symbol.asyncDispose]());

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const act = (token: string, id: string, action: object, headers: Record<string, string> = {}) =>
  service.ask(token, 'POST', `/volumes/${id}/action`, action, headers);
const status = async (id: string): Promise<string> => (await service.ask('x.admin', 'GET', `/volumes/${id}`)).body.volume.status;

describe('versions', () => {
  it('are told without a token', async () => {
    const root = await fetch(`${service.url}/`);
    expect([root.status, await root.json()]).toEqual([
      300,
      { versions: [expect.objectContaining({ id: 'v3.0', status: 'CURRENT', min_version: '3.0', version: '3.71' })] },
    ]);
    expect((await service.ask(null, 'GET', '/')).status).toBe(200);
    expect((await service.ask(null, 'GET', '/volumes')).status).toBe(401);
  });

  it('decide which keys and routes there are', async () => {
    const { id } = await service.volume('alpha.member');
    const old = await service.ask('alpha.member', 'GET', `/volumes/${id}`, undefined, { 'openstack-api-version': 'volume 3.0' });
    expect(old.headers.get('openstack-api-version')).toBe('volume 3.0');
    expect(Object.keys(old.body.volume)).not.toContain('volume_type_id');
    const { body } = await service.ask('alpha.member', 'GET', `/volumes/${id}`);
    expect(body.volume).toMatchObject({ volume_type_id: expect.stringMatching(uuid), consumes_quota: true, shared_targets: false });
    expect((await service.ask('alpha.member', 'GET', '/attachments', undefined, { 'openstack-api-version': 'volume 3.26' })).status).toBe(
      404,
    );
    expect((await service.ask('alpha.member', 'GET', '/volumes', undefined, { 'openstack-api-version': 'volume 3.999' })).status).toBe(406);
    expect((await service.ask('alpha.member', 'GET', '/volumes', undefined, { 'openstack-api-version': 'volume three' })).status).toBe(400);
  });
});

describe('a volume', () => {
  it('is created, shown, changed and deleted', async () => {
    const made = await service.ask('alpha.member', 'POST', '/alpha/volumes', {
      volume: { size: 2, name: 'data', description: 'mine', metadata: { colour: 'blue' } },
    });
    expect(made).toMatchObject({
      status: 202,
      body: {
        volume: {
          id: expect.stringMatching(uuid),
          status: 'creating',
          size: 2,
          name: 'data',
          description: 'mine',
          metadata: { colour: 'blue' },
          bootable: 'false',
          encrypted: false,
          multiattach: false,
          attachments: [],
          volume_type: '__DEFAULT__',
          availability_zone: 'nova',
          user_id: 'user-of-alpha',
        },
      },
    });
    expect(made.body.volume).not.toHaveProperty('os-vol-tenant-attr:tenant_id');
    const { id } = made.body.volume;
    await service.settled('alpha.member', `/volumes/${id}`, 'available');
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).body.volume['os-vol-tenant-attr:tenant_id']).toBe('alpha');
    expect((await service.ask('alpha.member', 'PUT', `/volumes/${id}`, { volume: { name: 'other' } })).body.volume.name).toBe('other');
    expect((await service.ask('alpha.member', 'DELETE', `/volumes/${id}`)).status).toBe(202);
    await service.gone('alpha.member', `/volumes/${id}`);
  });

  it('is nobody’s business but its project’s and the administrators’', async () => {
    const { id } = await service.volume('alpha.member');
    for (const [method, path, body] of [
      ['GET', `/volumes/${id}`, undefined],
      ['PUT', `/volumes/${id}`, { volume: { name: 'mine' } }],
      ['DELETE', `/volumes/${id}`, undefined],
      ['POST', `/volumes/${id}/action`, { 'os-extend': { new_size: 5 } }],
      ['GET', `/volumes/${id}/metadata`, undefined],
      ['POST', '/attachments', { attachment: { volume_uuid: id, instance_uuid: id } }],
      ['POST', '/snapshots', { snapshot: { volume_id: id } }],
    ] as const)
      expect([method, path, (await service.ask('beta.member', method, path, body)).status]).toEqual([method, path, 404]);
    expect((await service.ask('alpha.reader', 'DELETE', `/volumes/${id}`)).status).toBe(403);
    expect((await service.ask('x.admin', 'GET', `/volumes/${id}`)).body.volume['os-vol-host-attr:host']).toBe('here@kilonova#kilonova');
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).body.volume).not.toHaveProperty('os-vol-host-attr:host');
    expect((await service.ask('alpha.member', 'GET', `/beta/volumes/${id}`)).status).toBe(400);
  });

  it('is refused with a reason when it cannot be made', async () => {
    const refused = async (volume: object) => {
      const { status: code, body } = await service.ask('alpha.member', 'POST', '/volumes', { volume });
      return [code, body.badRequest?.message ?? body.itemNotFound?.message ?? body.forbidden?.message];
    };
    expect(await refused({})).toEqual([400, expect.stringContaining("Volume size 'None'")]);
    expect(await refused({ size: 0 })).toEqual([400, expect.any(String)]);
    expect(await refused({ size: 1.5 })).toEqual([400, expect.any(String)]);
    expect(await refused({ size: 1, volume_type: 'gold' })).toEqual([404, 'Volume type gold could not be found.']);
    expect(await refused({ size: 1, availability_zone: 'moon' })).toEqual([400, expect.stringContaining('moon')]);
    expect(await refused({ size: 1, imageRef: 'x', snapshot_id: 'y' })).toEqual([400, expect.stringContaining('only one')]);
    expect(await refused({ size: 1, imageRef: '11111111-1111-1111-1111-111111111111' })).toEqual([
      400,
      expect.stringContaining('could not be found'),
    ]);
    expect(await refused({ size: 1, snapshot_id: '11111111-1111-1111-1111-111111111111' })).toEqual([404, expect.any(String)]);
    expect(await refused({ size: 1, project_id: 'beta' })).toEqual([403, expect.any(String)]);
    expect((await service.ask('alpha.member', 'POST', '/volumes', {})).status).toBe(400);
  });

  it('is made for another project by a service, and once for each key', async () => {
    const ask = () =>
      service.ask('nova.service', 'POST', '/volumes', { volume: { size: 1, project_id: 'gamma' } }, { 'idempotency-key': 'build-7' });
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(second.body.volume.id).toBe(first.body.volume.id);
    expect((await service.ask('gamma.member', 'GET', '/volumes')).body.volumes).toHaveLength(1);
  });

  it('keeps to the quota, also when asked for at the same time', async () => {
    await service.ask('x.admin', 'PUT', '/os-quota-sets/poor', { quota_set: { volumes: 2, gigabytes: 5 } });
    const answers = await Promise.all([1, 2, 3, 4].map(() => service.ask('poor.member', 'POST', '/volumes', { volume: { size: 1 } })));
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([202, 202, 413, 413]);
    expect(answers.find((answer) => answer.status === 413)?.body).toEqual({
      overLimit: { code: 413, message: expect.stringContaining('Maximum number of volumes allowed (2)'), retryAfter: '0' },
    });
    expect((await service.ask('poor.member', 'GET', '/limits')).body.limits.absolute).toMatchObject({
      maxTotalVolumes: 2,
      totalVolumesUsed: 2,
      totalGigabytesUsed: 2,
    });
    const usage = await service.ask('poor.member', 'GET', '/os-quota-sets/poor?usage=True');
    expect(usage.body.quota_set.gigabytes).toEqual({ limit: 5, in_use: 2, reserved: 0, allocated: 0 });
    expect((await service.ask('poor.member', 'GET', '/os-quota-sets/alpha')).status).toBe(403);
    await service.ask('x.admin', 'DELETE', '/os-quota-sets/poor');
    expect((await service.ask('x.admin', 'GET', '/os-quota-sets/poor')).body.quota_set.volumes).toBe(50);
  });

  it('comes from an image, with what the image says', async () => {
    const image = service.images.add({ name: 'debian', minDisk: 1, properties: { hw_disk_bus: 'scsi' } }, Buffer.alloc(1024));
    const made = await service.volume('alpha.member', { imageRef: image.id });
    expect(made).toMatchObject({
      bootable: 'true',
      volume_image_metadata: { image_id: image.id, image_name: 'debian', hw_disk_bus: 'scsi', min_disk: '1' },
    });
    const big = service.images.add({ minDisk: 9 }, Buffer.alloc(1024));
    expect((await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, imageRef: big.id } })).status).toBe(400);
    const evil = service.images.add({ diskFormat: 'raw' }, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(4096)]));
    const { body } = await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, imageRef: evil.id } });
    await expect(service.settled('alpha.member', `/volumes/${body.volume.id}`, 'available')).rejects.toThrow('is in error');
  });

  it('has metadata and image metadata', async () => {
    const { id } = await service.volume('alpha.member', { metadata: { a: '1', b: '2' } });
    const at = `/volumes/${id}/metadata`;
    expect((await service.ask('alpha.member', 'POST', at, { metadata: { c: '3' } })).body).toEqual({
      metadata: { a: '1', b: '2', c: '3' },
    });
    expect((await service.ask('alpha.member', 'PUT', `${at}/a`, { meta: { a: 'x' } })).body).toEqual({ meta: { a: 'x' } });
    expect((await service.ask('alpha.member', 'PUT', `${at}/a`, { meta: { b: 'x' } })).status).toBe(400);
    expect((await service.ask('alpha.member', 'DELETE', `${at}/b`)).status).toBe(200);
    expect((await service.ask('alpha.member', 'DELETE', `${at}/b`)).status).toBe(404);
    expect((await service.ask('alpha.member', 'GET', at)).body).toEqual({ metadata: { a: 'x', c: '3' } });
    expect((await service.ask('alpha.member', 'PUT', at, { metadata: { only: 'one' } })).body).toEqual({ metadata: { only: 'one' } });
    expect((await service.ask('alpha.member', 'POST', at, { metadata: { long: 'x'.repeat(256) } })).status).toBe(400);
    await act('alpha.member', id, { 'os-set_image_metadata': { metadata: { hw_disk_bus: 'ide', os_distro: 'debian' } } });
    await act('alpha.member', id, { 'os-unset_image_metadata': { key: 'os_distro' } });
    expect((await act('alpha.member', id, { 'os-show_image_metadata': null })).body).toEqual({ metadata: { hw_disk_bus: 'ide' } });
    await act('alpha.member', id, { 'os-set_bootable': { bootable: true } });
    await act('alpha.member', id, { 'os-update_readonly_flag': { readonly: true } });
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).body.volume).toMatchObject({
      bootable: 'true',
      metadata: { only: 'one', readonly: 'True' },
    });
  });

  it('counts as large as it will be from when its growing is accepted', async () => {
    await service.ask('x.admin', 'PUT', '/os-quota-sets/grower', { quota_set: { gigabytes: 10 } });
    const [a, b] = [await service.volume('grower.member'), await service.volume('grower.member')];
    const grow = ({ id }: { readonly id: string }) => act('grower.member', id, { 'os-extend': { new_size: 8 } });
    const answers = await Promise.all([grow(a), grow(b)]);
    expect(answers.map(({ status: code }) => code).toSorted()).toEqual([202, 413]);
    const one = answers[0].status === 202 ? a : b;
    expect((await service.settled('grower.member', `/volumes/${one.id}`, 'available')).size).toBe(8);
    expect((await service.ask('grower.member', 'GET', '/os-quota-sets/grower?usage=True')).body.quota_set.gigabytes.in_use).toBe(9);
  });

  it('is extended, and never made smaller', async () => {
    const { id } = await service.volume('alpha.member');
    expect((await act('alpha.member', id, { 'os-extend': { new_size: 3 } })).status).toBe(202);
    expect((await service.settled('alpha.member', `/volumes/${id}`, 'available')).size).toBe(3);
    expect((await act('alpha.member', id, { 'os-extend': { new_size: 3 } })).body.badRequest.message).toContain('must be greater');
    expect((await act('alpha.member', id, { 'os-extend': { new_size: 'much' } })).status).toBe(400);
    expect((await act('alpha.member', id, { 'os-extend': { new_size: 100_000 } })).status).toBe(413);
    expect(await status(id)).toBe('available');
  });

  it('has its status set by administrators only, and is deleted by force', async () => {
    const { id } = await service.volume('alpha.member');
    expect((await act('alpha.member', id, { 'os-reset_status': { status: 'error' } })).status).toBe(403);
    expect((await act('x.admin', id, { 'os-reset_status': { status: 'in-use' } })).status).toBe(202);
    expect((await act('x.admin', id, { 'os-reset_status': { status: 'wonderful' } })).status).toBe(400);
    expect((await service.ask('alpha.member', 'DELETE', `/volumes/${id}`)).body.badRequest.message).toContain(
      'Invalid volume: Volume status must be available',
    );
    expect((await act('x.admin', id, { 'os-force_delete': {} })).status).toBe(202);
    await service.gone('x.admin', `/volumes/${id}`);
  });

  it('becomes an image', async () => {
    const { id } = await service.volume('alpha.member');
    const { status: code, body } = await act('alpha.member', id, {
      'os-volume_upload_image': { image_name: 'copy', disk_format: 'qcow2' },
    });
    expect([code, body['os-volume_upload_image']]).toMatchObject([202, { status: 'uploading', image_name: 'copy', disk_format: 'qcow2' }]);
    await service.settled('alpha.member', `/volumes/${id}`, 'available');
    expect(service.images.dataOf(body['os-volume_upload_image'].image_id)?.length).toBeGreaterThan(0);
    expect((await act('alpha.member', id, { 'os-volume_upload_image': { image_name: 'copy', disk_format: 'floppy' } })).status).toBe(400);
  });

  it('is given to another project, and only with the key', async () => {
    const { id } = await service.volume('alpha.member');
    const { body } = await service.ask('alpha.member', 'POST', '/os-volume-transfer', { transfer: { volume_id: id, name: 'a gift' } });
    expect(await status(id)).toBe('awaiting-transfer');
    const at = `/os-volume-transfer/${body.transfer.id}`;
    expect((await service.ask('beta.member', 'GET', at)).status).toBe(404);
    expect((await service.ask('beta.member', 'POST', `${at}/accept`, { accept: { auth_key: 'wrong' } })).status).toBe(400);
    expect((await service.ask('beta.member', 'POST', `${at}/accept`, { accept: { auth_key: body.transfer.auth_key } })).status).toBe(202);
    expect((await service.ask('beta.member', 'GET', `/volumes/${id}`)).body.volume.status).toBe('available');
    expect((await service.ask('alpha.member', 'GET', `/volumes/${id}`)).status).toBe(404);
    expect(service.logged.join('')).not.toContain(body.transfer.auth_key);
  });
});

describe('a list of volumes', () => {
  it('is filtered, sorted and cut into pages', async () => {
    for (const name of ['a', 'b', 'c']) await service.volume('lister.member', { name, metadata: { name } });
    const names = async (query: string) =>
      (await service.ask('lister.member', 'GET', `/volumes/detail?${query}`)).body.volumes.map((volume: { name: string }) => volume.name);
    expect(await names('sort=name:asc')).toEqual(['a', 'b', 'c']);
    expect(await names('sort_key=name&sort_dir=desc')).toEqual(['c', 'b', 'a']);
    expect(await names('name=b')).toEqual(['b']);
    expect(await names('status=error')).toEqual([]);
    expect(await names(`metadata=${encodeURIComponent("{'name': 'c'}")}`)).toEqual(['c']);
    expect(await names('sort=name:asc&limit=1&offset=1')).toEqual(['b']);
    const first = (await service.ask('lister.member', 'GET', '/lister/volumes?sort=name:asc&limit=2')).body;
    expect(first.volumes_links).toHaveLength(1);
    const next = await fetch(first.volumes_links[0].href, { headers: { 'x-auth-token': 'lister.member' } });
    expect(((await next.json()) as { volumes: { name: string }[] }).volumes.map(({ name }) => name)).toEqual(['c']);
    expect((await service.ask('x.admin', 'GET', '/volumes?all_tenants=1&project_id=lister&with_count=true')).body).toMatchObject({
      count: 3,
    });
    expect((await service.ask('lister.member', 'GET', '/volumes?all_tenants=1')).body.volumes).toHaveLength(3);
    expect((await service.ask('lister.member', 'GET', '/volumes/summary')).body['volume-summary']).toMatchObject({
      total_count: 3,
      total_size: 3,
    });
    for (const bad of ['sort=colour', 'sort=name:up', 'limit=-1', 'limit=many', 'marker=nobody', 'metadata=x'])
      expect([bad, [400, 404].includes((await service.ask('lister.member', 'GET', `/volumes?${bad}`)).status)]).toEqual([bad, true]);
  });
});

describe('a snapshot', () => {
  it('is taken, becomes a volume and is deleted', async () => {
    const { id } = await service.volume('alpha.member', { size: 2 });
    const { status: code, body } = await service.ask('alpha.member', 'POST', '/snapshots', {
      snapshot: { volume_id: id, name: 's', metadata: { a: 'b' } },
    });
    expect([code, body.snapshot]).toMatchObject([202, { status: 'creating', volume_id: id, size: 2, metadata: { a: 'b' } }]);
    const at = `/snapshots/${body.snapshot.id}`;
    expect(await service.settled('alpha.member', at, 'available')).toMatchObject({ 'os-extended-snapshot-attributes:progress': '100%' });
    expect((await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, snapshot_id: body.snapshot.id } })).status).toBe(
      400,
    );
    expect(await service.volume('alpha.member', { size: 3, snapshot_id: body.snapshot.id })).toMatchObject({
      size: 3,
      snapshot_id: body.snapshot.id,
    });
    expect((await service.ask('alpha.member', 'DELETE', `/volumes/${id}`)).body.badRequest.message).toContain('snapshots');
    expect((await service.ask('alpha.member', 'PUT', at, { snapshot: { name: 't' } })).body.snapshot.name).toBe('t');
    expect((await service.ask('alpha.member', 'GET', '/snapshots?name=t')).body.snapshots).toHaveLength(1);
    expect((await act('alpha.member', id, { revert: { snapshot_id: body.snapshot.id } })).status).toBe(202);
    await service.settled('alpha.member', `/volumes/${id}`, 'available');
    await service.settled('alpha.member', at, 'available');
    expect((await service.ask('alpha.member', 'DELETE', at)).status).toBe(202);
    await service.gone('alpha.member', at);
  });

  it('goes with its volume when that is wished', async () => {
    const { id } = await service.volume('alpha.member');
    const { body } = await service.ask('alpha.member', 'POST', '/snapshots', { snapshot: { volume_id: id } });
    await service.settled('alpha.member', `/snapshots/${body.snapshot.id}`, 'available');
    expect((await service.ask('alpha.member', 'DELETE', `/volumes/${id}?cascade=True`)).status).toBe(202);
    await service.gone('alpha.member', `/snapshots/${body.snapshot.id}`);
    await service.gone('alpha.member', `/volumes/${id}`);
  });

  it('of a volume in use needs force before 3.66', async () => {
    const { id } = await service.volume('alpha.member');
    await act('x.admin', id, { 'os-reset_status': { status: 'in-use' } });
    const old = { 'openstack-api-version': 'volume 3.65' };
    expect((await service.ask('alpha.member', 'POST', '/snapshots', { snapshot: { volume_id: id } }, old)).status).toBe(400);
    expect((await service.ask('alpha.member', 'POST', '/snapshots', { snapshot: { volume_id: id, force: true } }, old)).status).toBe(202);
    expect((await service.ask('alpha.member', 'POST', '/snapshots', { snapshot: { volume_id: id, force: false } })).status).toBe(400);
    expect((await service.ask('alpha.member', 'POST', '/snapshots', { snapshot: { volume_id: id } })).status).toBe(202);
  });
});

describe('a volume type', () => {
  it('is made, changed and deleted by administrators', async () => {
    expect((await service.ask('alpha.member', 'POST', '/types', { volume_type: { name: 'mine' } })).status).toBe(403);
    const { body } = await service.ask('x.admin', 'POST', '/types', {
      volume_type: { name: 'fast', description: 'quick', extra_specs: { multiattach: '<is> True', secret_backend: 'x' } },
    });
    const at = `/types/${body.volume_type.id}`;
    expect((await service.ask('alpha.member', 'GET', at)).body.volume_type).toMatchObject({
      name: 'fast',
      extra_specs: { multiattach: '<is> True' },
    });
    expect((await service.ask('x.admin', 'POST', '/types', { volume_type: { name: 'fast' } })).status).toBe(409);
    expect((await service.ask('x.admin', 'POST', `${at}/extra_specs`, { extra_specs: { a: 'b' } })).body).toEqual({
      extra_specs: { a: 'b' },
    });
    expect((await service.ask('x.admin', 'PUT', `${at}/extra_specs/a`, { a: 'c' })).body).toEqual({ a: 'c' });
    expect((await service.ask('x.admin', 'GET', `${at}/extra_specs/a`)).body).toEqual({ a: 'c' });
    expect((await service.ask('x.admin', 'DELETE', `${at}/extra_specs/a`)).status).toBe(202);
    expect((await service.ask('x.admin', 'GET', `${at}/extra_specs/a`)).status).toBe(404);
    const volume = await service.volume('alpha.member', { volume_type: 'fast' });
    expect(volume).toMatchObject({ volume_type: 'fast', multiattach: true });
    const asked = await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, multiattach: true } });
    expect(asked.body.volume).toMatchObject({ volume_type: '__DEFAULT__', multiattach: true });
    expect((await service.ask('x.admin', 'DELETE', at)).status).toBe(400);
    expect((await act('alpha.member', volume.id, { 'os-retype': { new_type: '__DEFAULT__' } })).status).toBe(202);
    expect((await service.ask('alpha.member', 'GET', `/volumes/${volume.id}`)).body.volume).toMatchObject({
      volume_type: '__DEFAULT__',
      multiattach: false,
    });
    expect((await service.ask('x.admin', 'DELETE', at)).status).toBe(202);
    expect((await service.ask('x.admin', 'GET', at)).status).toBe(404);
  });

  it('is private to the projects it is given to', async () => {
    const { body } = await service.ask('x.admin', 'POST', '/types', {
      volume_type: { name: 'club', 'os-volume-type-access:is_public': false },
    });
    const at = `/types/${body.volume_type.id}`;
    expect((await service.ask('alpha.member', 'GET', at)).status).toBe(404);
    expect((await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, volume_type: 'club' } })).status).toBe(404);
    expect((await service.ask('x.admin', 'POST', `${at}/action`, { addProjectAccess: { project: 'alpha' } })).status).toBe(202);
    expect((await service.ask('x.admin', 'POST', `${at}/action`, { addProjectAccess: { project: 'alpha' } })).status).toBe(409);
    expect((await service.ask('alpha.member', 'GET', '/types')).body.volume_types.map((type: { name: string }) => type.name)).toContain(
      'club',
    );
    expect((await service.ask('x.admin', 'GET', `${at}/os-volume-type-access`)).body.volume_type_access).toEqual([
      { volume_type_id: body.volume_type.id, project_id: 'alpha' },
    ]);
    expect((await service.ask('x.admin', 'POST', `${at}/action`, { removeProjectAccess: { project: 'alpha' } })).status).toBe(202);
  });

  it('has QoS specs that servers are told of', async () => {
    const { body: type } = await service.ask('x.admin', 'POST', '/types', { volume_type: { name: 'slow' } });
    const { body } = await service.ask('x.admin', 'POST', '/qos-specs', {
      qos_specs: { name: 'slow', consumer: 'front-end', total_iops_sec: '10' },
    });
    const at = `/qos-specs/${body.qos_specs.id}`;
    await service.ask('x.admin', 'PUT', at, { qos_specs: { read_bytes_sec_per_gb: 1000 } });
    expect((await service.ask('x.admin', 'GET', `${at}/associate?vol_type_id=${type.volume_type.id}`)).status).toBe(202);
    expect((await service.ask('x.admin', 'GET', `${at}/associations`)).body.qos_associations).toHaveLength(1);
    const volume = await service.volume('alpha.member', { size: 2, volume_type: 'slow' });
    const { body: made } = await service.ask('nova.service', 'POST', '/attachments', {
      attachment: { volume_uuid: volume.id, instance_uuid: volume.id, connector: { host: 'here', ip: '127.0.0.1' } },
    });
    expect(made.attachment.connection_info.qos_specs).toEqual({ total_iops_sec: 10, read_bytes_sec: 2000 });
    expect((await service.ask('x.admin', 'DELETE', at)).status).toBe(400);
    expect((await service.ask('x.admin', 'DELETE', `${at}?force=True`)).status).toBe(202);
  });
});

it('tells operators of services, pools, zones and default quotas', async () => {
  expect((await service.ask('x.admin', 'GET', '/os-services')).body.services.map((each: { binary: string }) => each.binary)).toEqual([
    'cinder-scheduler',
    'cinder-volume',
  ]);
  expect((await service.ask('alpha.member', 'GET', '/os-services')).status).toBe(403);
  expect((await service.ask('x.admin', 'GET', '/scheduler-stats/get_pools?detail=true')).body.pools[0].capabilities.storage_protocol).toBe(
    'nbd',
  );
  expect((await service.ask('alpha.member', 'GET', '/os-availability-zone')).body.availabilityZoneInfo).toEqual([
    { zoneName: 'nova', zoneState: { available: true } },
  ]);
  expect(
    (await service.ask('x.admin', 'PUT', '/os-quota-class-sets/default', { quota_class_set: { snapshots: 7 } })).body.quota_class_set
      .snapshots,
  ).toBe(7);
  expect((await service.ask('x.admin', 'GET', '/os-quota-sets/anybody')).body.quota_set.snapshots).toBe(7);
  await service.ask('x.admin', 'PUT', '/os-quota-class-sets/default', { quota_class_set: { snapshots: 50 } });
  expect((await service.ask('alpha.member', 'GET', '/extensions')).body.extensions.length).toBeGreaterThan(5);
});
