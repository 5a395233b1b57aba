import { Readable } from 'node:stream';
import { forbidden, internal } from '../lib/errors.ts';
import { createHttpClient, errorOfStatus } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import type { Image, ImageClient } from './image.ts';
import type { Endpoints, Session } from './session.ts';

export interface ImageClientOptions {
  readonly endpoints: Endpoints;
  readonly log: Log;
}

/** What Glance says of an image; custom properties stand beside these. */
interface WireImage {
  readonly [property: string]: unknown;
  readonly id: string;
  readonly status: Image['status'];
  readonly visibility: Image['visibility'];
  readonly name?: string | null;
  readonly owner?: string | null;
  readonly protected?: boolean;
  readonly disk_format?: string | null;
  readonly container_format?: string | null;
  readonly size?: number | null;
  readonly virtual_size?: number | null;
  readonly checksum?: string | null;
  readonly os_hash_algo?: string | null;
  readonly os_hash_value?: string | null;
  readonly min_ram?: number;
  readonly min_disk?: number;
  readonly created_at?: string;
  readonly updated_at?: string;
  readonly tags?: readonly string[];
}

/** Keys that are no custom properties. */
const ownKeys = new Set([
  'id',
  'name',
  'status',
  'visibility',
  'owner',
  'protected',
  'os_hidden',
  'disk_format',
  'container_format',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'min_ram',
  'min_disk',
  'created_at',
  'updated_at',
  'tags',
  'self',
  'file',
  'schema',
  'locations',
  'direct_url',
  'stores',
]);

function toImage(wire: WireImage): Image {
  const hash =
    typeof wire.os_hash_algo === 'string' && typeof wire.os_hash_value === 'string'
      ? { algorithm: wire.os_hash_algo, value: wire.os_hash_value }
      : null;
  return {
    id: wire.id,
    name: wire.name ?? null,
    status: wire.status,
    visibility: wire.visibility,
    owner: wire.owner ?? null,
    protected: wire.protected ?? false,
    diskFormat: wire.disk_format ?? null,
    containerFormat: wire.container_format ?? null,
    size: wire.size ?? null,
    virtualSize: wire.virtual_size ?? null,
    checksum: wire.checksum ?? null,
    hash,
    minRam: wire.min_ram ?? 0,
    minDisk: wire.min_disk ?? 0,
    createdAt: wire.created_at ?? '',
    updatedAt: wire.updated_at ?? '',
    tags: wire.tags ?? [],
    properties: Object.fromEntries(
      Object.entries(wire)
        .filter(([key, value]) => !ownKeys.has(key) && value !== null && value !== undefined)
        .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
  };
}

const path = (imageId: string, below = ''): string => `/v2/images/${encodeURIComponent(imageId)}${below}`;
/** One name as a JSON pointer. */
const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
const headersOf = async (session: Session, more: Record<string, string> = {}): Promise<Record<string, string>> => ({
  'x-auth-token': await session.token(),
  ...more,
});

/** Most pages of a list that are followed: at 1000 images each, more than any cloud has. */
const maxPages = 1000;

/** The image service over HTTP, ours or any other Glance v2. */
export function createImageClient({ endpoints }: ImageClientOptions): ImageClient & { close(): Promise<void> } {
  const http = createHttpClient({ service: 'image' });
  const base = async (): Promise<string> => (await endpoints.url('image')).replace(/\/v2\/?$/, '');

  return {
    async show(session, imageId) {
      const { json } = await http.json<WireImage>({ url: `${await base()}${path(imageId)}`, headers: await headersOf(session) });
      return toImage(json);
    },
    async list(session, query = {}) {
      const [root, headers] = [await base(), await headersOf(session)];
      const images: Image[] = [];
      let next: string | undefined = `/v2/images?${new URLSearchParams({ limit: '1000', ...query }).toString()}`;
      for (let page = 0; next !== undefined; page++) {
        if (page === maxPages) throw internal('The list of images does not end.');
        const answer: { readonly json: { readonly images: readonly WireImage[]; readonly next?: string } } = await http.json({
          url: `${root}${next}`,
          headers,
        });
        images.push(...answer.json.images.map(toImage));
        next = answer.json.next;
      }
      return images;
    },
    async create(session, image) {
      const { json } = await http.json<WireImage>({
        method: 'POST',
        url: `${await base()}/v2/images`,
        headers: await headersOf(session),
        json: {
          ...image.properties,
          ...(image.id === undefined ? {} : { id: image.id }),
          name: image.name,
          disk_format: image.diskFormat,
          container_format: image.containerFormat,
          ...(image.visibility === undefined ? {} : { visibility: image.visibility }),
          ...(image.minDisk === undefined ? {} : { min_disk: image.minDisk }),
          ...(image.minRam === undefined ? {} : { min_ram: image.minRam }),
        },
      });
      return toImage(json);
    },
    async upload(session, imageId, data, signal) {
      // the answer comes when all bytes have gone and been hashed: only silence that long is a failure
      await http.json({
        method: 'PUT',
        url: `${await base()}${path(imageId, '/file')}`,
        headers: await headersOf(session, { 'content-type': 'application/octet-stream' }),
        stream: data,
        timeoutMs: 600_000,
        ...(signal === undefined ? {} : { signal }),
      });
    },
    async download(session, imageId, signal) {
      const answer = await http.raw({
        url: `${await base()}${path(imageId, '/file')}`,
        headers: await headersOf(session, { accept: 'application/octet-stream, application/json' }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (answer.status === 204) {
        await answer.body.dump();
        return Readable.from([]);
      }
      if (answer.status !== 200) throw errorOfStatus('image', answer.status, await answer.body.text());
      return answer.body;
    },
    async changeProperties(session, imageId, { set, remove }) {
      const taken = Object.keys(set).find((name) => ownKeys.has(name));
      if (taken !== undefined) throw forbidden(`Attribute '${taken}' is reserved.`);
      const { json } = await http.json<WireImage>({
        method: 'PATCH',
        url: `${await base()}${path(imageId)}`,
        headers: await headersOf(session, { 'content-type': 'application/openstack-images-v2.1-json-patch' }),
        json: [
          ...remove.map((name) => ({ op: 'remove', path: pointer(name) })),
          ...Object.entries(set).map(([name, value]) => ({ op: 'add', path: pointer(name), value })),
        ],
      });
      return toImage(json);
    },
    async delete(session, imageId) {
      await http.json({ method: 'DELETE', url: `${await base()}${path(imageId)}`, headers: await headersOf(session) });
    },
    close: () => http.close(),
  };
}
