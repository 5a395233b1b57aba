import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testImageService, type TestImageService } from './test-support/image-service.ts';

let service: TestImageService;
beforeAll(async () => {
  service = await testImageService();
});
afterAll(() => service[Symbol.asyncDispose]());

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const create = async (token: string, given: Record<string, unknown> = {}): Promise<string> => {
  const { status, body } = await service.ask(token, 'POST', '/v2/images', {
    name: 'an image',
    disk_format: 'raw',
    container_format: 'bare',
    ...given,
  });
  expect(status).toBe(201);
  return body.id;
};
const ids = async (token: string, query = ''): Promise<string[]> => {
  const { status, body } = await service.ask(token, 'GET', `/v2/images${query}`);
  expect([status, body]).toEqual([200, expect.anything()]);
  return body.images.map(({ id }: { id: string }) => id);
};

/** Names on one page of the pager's list. */
const names = async (query: string): Promise<string[]> =>
  (await service.ask('pager.member', 'GET', `/v2/images?${query}`)).body.images.map(({ name }: { name: string }) => name);
/** The images of project filter that pass. */
const found = (query: string): Promise<string[]> => ids('filter.member', `?owner=filter&${query}`);

describe('without a token', () => {
  it('tells its versions, and nothing else', async () => {
    expect(await service.ask(null, 'GET', '/')).toMatchObject({
      status: 300,
      body: { versions: expect.arrayContaining([{ id: 'v2.9', status: 'CURRENT', links: [{ rel: 'self', href: `${service.url}/v2/` }] }]) },
    });
    expect((await service.ask(null, 'GET', '/versions')).status).toBe(200);
    const refused = await service.ask(null, 'GET', '/v2/images');
    expect(refused).toMatchObject({ status: 401, body: { code: '401 Unauthorized', title: 'Unauthorized', message: expect.any(String) } });
    expect(refused.headers.get('www-authenticate')).toMatch(/^Keystone uri=/);
  });
});

describe('an image', () => {
  it('is created with its properties beside the others', async () => {
    const { status, headers, body } = await service.ask('alpha.member', 'POST', '/v2/images', {
      name: 'debian',
      disk_format: 'qcow2',
      container_format: 'bare',
      min_disk: 3,
      tags: ['b', 'a', 'a'],
      hw_disk_bus: 'scsi',
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(uuid),
      name: 'debian',
      status: 'queued',
      visibility: 'shared',
      protected: false,
      os_hidden: false,
      owner: 'alpha',
      disk_format: 'qcow2',
      container_format: 'bare',
      min_disk: 3,
      min_ram: 0,
      size: null,
      virtual_size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      tags: ['a', 'b'],
      hw_disk_bus: 'scsi',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated_at: expect.any(String),
      self: `/v2/images/${body.id}`,
      file: `/v2/images/${body.id}/file`,
      schema: '/v2/schemas/image',
    });
    expect(headers.get('location')).toBe(`${service.url}/v2/images/${body.id}`);
    expect(await service.ask('alpha.reader', 'GET', `/v2/images/${body.id}`)).toMatchObject({ status: 200, body });
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['a wrong disk format', { disk_format: 'floppy' }, 400],
    ['a name that is a number', { name: 5 }, 400],
    ['a property that is no text', { os_type: 5 }, 400],
    ['a name with NUL', { name: 'a\0b' }, 400],
    ['half a surrogate', { os_type: '\ud800' }, 400],
    ['a negative min_disk', { min_disk: -1 }, 400],
    ['an id that is none', { id: '../../x' }, 400],
    ['a status', { status: 'active' }, 403],
    ['a checksum', { checksum: 'x' }, 403],
    ['a file', { file: 'file:///etc/passwd' }, 403],
    ['a reserved property', { os_glance_importing_to_stores: 'x' }, 403],
    ['locations', { locations: [{ url: 'file:///etc/passwd', metadata: {} }] }, 403],
    ['an owner who is somebody else', { owner: 'beta' }, 403],
    ['public visibility', { visibility: 'public' }, 403],
    ['too many properties', Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`p${n}`, 'x'])), 413],
    ['too many tags', { tags: Array.from({ length: 129 }, (_, n) => `t${n}`) }, 413],
  ])('is refused with %s', async (_, given, status) => {
    const answer = await service.ask('alpha.member', 'POST', '/v2/images', given);
    expect([answer.status, typeof answer.body.message]).toEqual([status, 'string']);
  });

  it('does not take __proto__ for a property', async () => {
    const answer = await fetch(`${service.url}/v2/images`, {
      method: 'POST',
      headers: { 'x-auth-token': 'alpha.member', 'content-type': 'application/json' },
      body: '{"__proto__": "x", "name": "n"}',
    });
    expect(answer.status).toBe(403);
  });

  it('keeps the id it is given, once', async () => {
    const id = crypto.randomUUID();
    expect(await create('alpha.member', { id })).toBe(id);
    expect((await service.ask('beta.member', 'POST', '/v2/images', { id })).status).toBe(409);
  });

  it('is changed by JSON patch: all operations or none', async () => {
    const id = await create('alpha.member', { hw_vif_model: 'e1000', protected: false });
    const patched = await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, [
      { op: 'replace', path: '/name', value: 'renamed' },
      { op: 'add', path: '/hw_disk~1bus', value: 'virtio' },
      { op: 'remove', path: '/hw_vif_model' },
      { op: 'replace', path: '/tags', value: ['x'] },
      { op: 'add', path: '/min_ram', value: 64 },
    ]);
    expect(patched).toMatchObject({ status: 200, body: { name: 'renamed', 'hw_disk/bus': 'virtio', tags: ['x'], min_ram: 64 } });
    expect(patched.body).not.toHaveProperty('hw_vif_model');
    const refused = await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, [
      { op: 'replace', path: '/name', value: 'again' },
      { op: 'replace', path: '/unknown', value: 'x' },
    ]);
    expect(refused.status).toBe(409);
    expect((await service.ask('alpha.member', 'GET', `/v2/images/${id}`)).body.name).toBe('renamed');
    const old = await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, [{ replace: '/name', value: 'by 2.0' }], {
      'content-type': 'application/openstack-images-v2.0-json-patch',
    });
    expect(old.body.name).toBe('by 2.0');
  });

  it.each<[string, unknown, number]>([
    ['no list', {}, 400],
    ['no operation', [{ path: '/name' }], 400],
    ['no slash', [{ op: 'remove', path: 'name' }], 400],
    ['two levels', [{ op: 'add', path: '/tags/-', value: 'x' }], 400],
    ['no value', [{ op: 'add', path: '/name' }], 400],
    ['a base property removed', [{ op: 'remove', path: '/name' }], 403],
    ['a read-only one', [{ op: 'replace', path: '/status', value: 'active' }], 403],
    ['a hash', [{ op: 'replace', path: '/os_hash_value', value: 'x' }], 403],
    ['an unknown property removed', [{ op: 'remove', path: '/nothing' }], 409],
    ['an owner', [{ op: 'replace', path: '/owner', value: 'beta' }], 403],
    ['publicity', [{ op: 'replace', path: '/visibility', value: 'public' }], 403],
    ['a wrong type', [{ op: 'replace', path: '/protected', value: 'yes' }], 400],
  ])('a patch with %s is refused', async (_, changes, status) => {
    const id = await create('alpha.member');
    expect((await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, changes)).status).toBe(status);
  });

  it('wants a patch in its own content type', async () => {
    const id = await create('alpha.member');
    expect((await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, [], { 'content-type': 'application/json' })).status).toBe(415);
  });

  it('is not deleted while it is protected', async () => {
    const id = await create('alpha.member', { protected: true });
    expect(await service.ask('alpha.member', 'DELETE', `/v2/images/${id}`)).toMatchObject({
      status: 403,
      body: { message: `Image ${id} is protected and cannot be deleted.` },
    });
    await service.ask('alpha.member', 'PATCH', `/v2/images/${id}`, [{ op: 'replace', path: '/protected', value: false }]);
    expect((await service.ask('alpha.member', 'DELETE', `/v2/images/${id}`)).status).toBe(204);
    expect((await service.ask('alpha.member', 'GET', `/v2/images/${id}`)).status).toBe(404);
  });

  it('is tagged and untagged', async () => {
    const id = await create('alpha.member');
    expect((await service.ask('alpha.member', 'PUT', `/v2/images/${id}/tags/gold%20one`)).status).toBe(204);
    expect((await service.ask('alpha.member', 'GET', `/v2/images/${id}`)).body.tags).toEqual(['gold one']);
    expect((await service.ask('alpha.member', 'DELETE', `/v2/images/${id}/tags/gold%20one`)).status).toBe(204);
    expect((await service.ask('alpha.member', 'DELETE', `/v2/images/${id}/tags/gold%20one`)).status).toBe(404);
  });
});

describe('who sees and does what', () => {
  const routes: [string, string, unknown?][] = [
    ['GET', ''],
    ['PATCH', '', []],
    ['DELETE', ''],
    ['GET', '/file'],
    ['PUT', '/file', new Uint8Array(1)],
    ['PUT', '/stage', new Uint8Array(1)],
    ['POST', '/import', { method: { name: 'glance-direct' } }],
    ['POST', '/actions/deactivate'],
    ['POST', '/actions/reactivate'],
    ['GET', '/members'],
    ['POST', '/members', { member: 'gamma' }],
    ['GET', '/members/gamma'],
    ['PUT', '/members/gamma', { status: 'accepted' }],
    ['DELETE', '/members/gamma'],
    ['PUT', '/tags/x'],
    ['DELETE', '/tags/x'],
  ];
  it.each(routes)('%s %s of another project: 404, as if there were none', async (method, path, body) => {
    const id = await create('alpha.member', { visibility: 'private' });
    const [other, unknown] = [
      await service.ask('beta.member', method, `/v2/images/${id}${path}`, body),
      await service.ask('beta.member', method, `/v2/images/${crypto.randomUUID()}${path}`, body),
    ];
    expect([other.status, unknown.status]).toEqual([404, 404]);
  });

  it.each(routes.filter(([method, path]) => method !== 'GET' && !path.startsWith('/members/')))(
    '%s %s of a community image: seen, and refused',
    async (method, path, body) => {
      const id = await create('alpha.member', { visibility: 'community' });
      expect((await service.ask('beta.member', method, `/v2/images/${id}${path}`, body)).status).toBe(403);
    },
  );

  it.each(routes.filter(([method, path]) => method !== 'GET' && !path.startsWith('/members/')))(
    '%s %s by a reader of the same project is refused',
    async (method, path, body) => {
      const id = await create('alpha.member');
      expect((await service.ask('alpha.reader', method, `/v2/images/${id}${path}`, body)).status).toBe(403);
    },
  );

  it('an administrator sees all, makes public ones, and gives them away', async () => {
    const id = await create('alpha.member', { visibility: 'private' });
    const patched = await service.ask('ops.admin', 'PATCH', `/v2/images/${id}`, [
      { op: 'replace', path: '/visibility', value: 'public' },
      { op: 'replace', path: '/owner', value: 'ops' },
    ]);
    expect(patched).toMatchObject({ status: 200, body: { visibility: 'public', owner: 'ops' } });
    expect(await ids('beta.member')).toContain(id);
  });

  it('a shared image is seen by its members, listed when they accept it, and gone when the share is', async () => {
    const id = await create('alpha.member');
    expect(await service.ask('alpha.member', 'POST', `/v2/images/${id}/members`, { member: 'beta' })).toMatchObject({
      status: 200,
      body: { image_id: id, member_id: 'beta', status: 'pending', schema: '/v2/schemas/member' },
    });
    expect((await service.ask('alpha.member', 'POST', `/v2/images/${id}/members`, { member: 'beta' })).status).toBe(409);
    await service.ask('alpha.member', 'POST', `/v2/images/${id}/members`, { member: 'gamma' });
    expect((await service.ask('beta.member', 'GET', `/v2/images/${id}`)).status).toBe(200);
    expect(await ids('beta.member')).not.toContain(id);
    expect(await ids('beta.member', '?visibility=shared&member_status=pending')).toContain(id);
    expect(
      (await service.ask('beta.member', 'GET', `/v2/images/${id}/members`)).body.members.map((m: { member_id: string }) => m.member_id),
    ).toEqual(['beta']);
    expect((await service.ask('beta.member', 'GET', `/v2/images/${id}/members/gamma`)).status).toBe(404);
    expect((await service.ask('alpha.member', 'PUT', `/v2/images/${id}/members/beta`, { status: 'accepted' })).status).toBe(403);
    expect((await service.ask('beta.member', 'PUT', `/v2/images/${id}/members/beta`, { status: 'maybe' })).status).toBe(400);
    expect(await service.ask('beta.member', 'PUT', `/v2/images/${id}/members/beta`, { status: 'accepted' })).toMatchObject({
      status: 200,
      body: { status: 'accepted' },
    });
    expect(await ids('beta.member')).toContain(id);
    expect((await service.ask('beta.member', 'DELETE', `/v2/images/${id}/members/beta`)).status).toBe(403);
    expect((await service.ask('alpha.member', 'DELETE', `/v2/images/${id}/members/beta`)).status).toBe(204);
    expect((await service.ask('beta.member', 'GET', `/v2/images/${id}`)).status).toBe(404);
  });

  it('only shared images have members', async () => {
    const id = await create('alpha.member', { visibility: 'private' });
    expect((await service.ask('alpha.member', 'POST', `/v2/images/${id}/members`, { member: 'beta' })).status).toBe(403);
    expect((await service.ask('alpha.member', 'GET', `/v2/images/${id}/members`)).status).toBe(403);
  });
});

describe('the list', () => {
  it('is paged by key in any order, without gaps or repeats', async () => {
    const made = await Promise.all(
      ['b', 'a', 'c', 'a', 'b'].map((name, n) => create('pager.member', { name, visibility: 'private', min_ram: n })),
    );
    for (const sort of [
      '',
      '&sort=name:asc',
      '&sort_key=name&sort_dir=desc',
      '&sort=size:asc,name:desc',
      '&sort_key=status&sort_key=created_at&sort_dir=asc',
    ]) {
      const seen: string[] = [];
      for (let next: string | undefined = `/v2/images?owner=pager&limit=2${sort}`; next !== undefined;) {
        const { body } = await service.ask('pager.member', 'GET', next);
        seen.push(...body.images.map(({ id }: { id: string }) => id));
        next = body.next;
      }
      expect(seen).toEqual(await ids('pager.member', `?owner=pager${sort}`));
      expect(seen.toSorted()).toEqual(made.toSorted());
    }
    expect(await names('owner=pager&sort=name:asc')).toEqual(['a', 'a', 'b', 'b', 'c']);
    expect(await names('limit=0')).toEqual([]);
  });

  it('is filtered', async () => {
    const odd = await create('filter.member', {
      name: 'odd, one',
      tags: ['x', 'y'],
      os_distro: 'debian',
      disk_format: 'qcow2',
      visibility: 'private',
    });
    const even = await create('filter.member', { name: 'even', tags: ['x'], protected: true, os_hidden: true, visibility: 'private' });
    expect(await found('')).toEqual([odd]);
    expect(await found('os_hidden=true')).toEqual([even]);
    expect(await found('tag=x&tag=y')).toEqual([odd]);
    expect(await found('tag=x&tag=z')).toEqual([]);
    expect(await found('os_distro=debian')).toEqual([odd]);
    expect(await found('os_distro=fedora')).toEqual([]);
    expect(await found('name=in:%22odd,%20one%22,even')).toEqual([odd]);
    expect(await found(`id=in:${odd},${even},nonsense`)).toEqual([odd]);
    expect(await found('disk_format=neq:raw')).toEqual([odd]);
    expect(await found('created_at=gt:2001-01-01T00:00:00Z')).toEqual([odd]);
    expect(await found('created_at=lte:2001-01-01T00:00:00Z')).toEqual([]);
    expect(await found('size_min=1')).toEqual([]);
    expect(await found('protected=true&os_hidden=true')).toEqual([even]);
    expect(await found("name=' OR 1=1 --")).toEqual([]);
    expect(await found('status=queued&visibility=private')).toEqual([odd]);
  });

  it('has community images of others only when asked for', async () => {
    const id = await create('alpha.member', { visibility: 'community' });
    expect(await ids('beta.member', '?limit=1000')).not.toContain(id);
    expect(await ids('beta.member', '?visibility=community&limit=1000')).toContain(id);
    expect(await ids('beta.member', '?visibility=all&limit=1000')).toContain(id);
    expect(await ids('alpha.member', '?limit=1000')).toContain(id);
  });

  it.each([
    'limit=x',
    'limit=-1',
    'marker=nonsense',
    `marker=${crypto.randomUUID()}`,
    'sort_key=owner',
    'sort_key=__class__',
    'sort_dir=up',
    'sort=name:up',
    'sort=name&sort_key=name',
    'visibility=odd',
    'member_status=odd',
    'created_at=yesterday',
    'size_min=x',
    'protected=maybe',
    'name=in:%22a',
    'name=%00',
    '%00=x',
  ])('refuses %s', async (query) => {
    expect((await service.ask('alpha.member', 'GET', `/v2/images?${query}`)).status).toBe(400);
  });

  it("refuses another project's image as a marker", async () => {
    const id = await create('alpha.member', { visibility: 'private' });
    expect((await service.ask('beta.member', 'GET', `/v2/images?marker=${id}`)).status).toBe(400);
  });
});

describe('errors', () => {
  it('are JSON for whoever asks for it, and else a page that shows nothing unescaped', async () => {
    const path = '/v2/images/%3Cscript%3E';
    expect((await service.ask('alpha.member', 'GET', path)).body).toEqual({
      message: 'No image found with ID <script>',
      code: '404 Not Found',
      title: 'Not Found',
    });
    const page = await service.ask('alpha.member', 'GET', path, undefined, { accept: '*/*' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect(String(page.body)).toContain('No image found with ID &lt;script&gt;<br />');
  });
});

describe('documents', () => {
  it.each(['image', 'images', 'member', 'members'])('schema of %s', async (name) => {
    expect(await service.ask('alpha.reader', 'GET', `/v2/schemas/${name}`)).toMatchObject({
      status: 200,
      body: { name, properties: expect.any(Object) },
    });
  });
  it('import methods and stores', async () => {
    expect((await service.ask('alpha.reader', 'GET', '/v2/info/import')).body['import-methods'].value).toEqual(['glance-direct']);
    expect((await service.ask('alpha.reader', 'GET', '/v2/info/stores')).body.stores).toHaveLength(1);
  });
});
