import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Image } from '../../../../clients/image.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleImage } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let member: Ask;
const image = (id: string, changes: Partial<Image> = {}): Image =>
  sampleImage({
    id,
    name: `image ${id}`,
    size: 4096,
    minRam: 64,
    minDisk: 1,
    createdAt: '2026-01-02T03:04:05Z',
    updatedAt: '2026-02-03T04:05:06Z',
    ...changes,
  });

beforeAll(async () => {
  api = await startApiUnderTest();
  member = api.as('alpha.member');
  for (const each of [
    image('a'),
    image('b', { status: 'queued', properties: { instance_uuid: 's', auto_disk_config: 'True', hw_x: 'y' } }),
    image('c'),
  ])
    api.neighbours.images.set(each.id, each);
});
afterAll(() => api[Symbol.asyncDispose]());

const url = (path: string) => `http://localhost:80${path}`;
const linksOf = (id: string) => [
  { rel: 'self', href: url(`/v2.1/images/${id}`) },
  { rel: 'bookmark', href: url(`/images/${id}`) },
  { rel: 'alternate', type: 'application/vnd.openstack.image', href: `http://image/images/${id}` },
];

test('an image is shown with where it came from', async () => {
  const { status, body } = await member('GET', '/images/b');
  expect([status, body.image]).toEqual([
    200,
    {
      id: 'b',
      name: 'image b',
      links: linksOf('b'),
      minRam: 64,
      minDisk: 1,
      metadata: { instance_uuid: 's', auto_disk_config: 'True', hw_x: 'y' },
      created: '2026-01-02T03:04:05Z',
      updated: '2026-02-03T04:05:06Z',
      status: 'SAVING',
      progress: 25,
      'OS-EXT-IMG-SIZE:size': 4096,
      server: {
        id: 's',
        links: [
          { rel: 'self', href: url('/v2.1/servers/s') },
          { rel: 'bookmark', href: url('/servers/s') },
        ],
      },
      'OS-DCF:diskConfig': 'AUTO',
    },
  ]);
  expect((await member('GET', '/images/none')).body).toEqual({ itemNotFound: { code: 404, message: 'Image not found.' } });
});

test('images are listed page by page, and by what they have', async () => {
  const first = await member('GET', '/images?limit=2');
  expect(first.body).toEqual({
    images: ['a', 'b'].map((id) => ({ id, name: `image ${id}`, links: linksOf(id) })),
    images_links: [{ rel: 'next', href: url('/v2.1/images?limit=2&marker=b') }],
  });
  const idsAt = async (path: string) => (await member('GET', path)).body.images.map(({ id }: { readonly id: string }) => id);
  expect(await idsAt('/images?limit=2&marker=b')).toEqual(['c']);
  expect(await idsAt('/images/detail?status=ACTIVE')).toEqual(['a', 'c']);
  expect(await idsAt('/images?property-hw_x=y&unheard=of')).toEqual(['b']);
  expect(await idsAt('/images?limit=0')).toEqual([]);
  expect((await member('GET', '/images?limit=x')).status).toBe(400);
});

test('an image is deleted once, and compute lets images be after 2.35', async () => {
  expect((await member('DELETE', '/images/c', { version: '2.36' })).status).toBe(404);
  expect([(await member('DELETE', '/images/c')).status, (await member('DELETE', '/images/c')).status]).toEqual([204, 404]);
});
