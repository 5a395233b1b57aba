import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { temporaryDatabase } from '../../../../test/support/database.ts';
import type { Image, ImageClient } from '../../../clients/image.ts';
import type { Session } from '../../../clients/session.ts';
import { readSettings } from '../../../config/index.ts';
import { systemClock } from '../../../lib/clock.ts';
import { notFound } from '../../../lib/errors.ts';
import type { Caller } from '../../../lib/http/caller.ts';
import { randomIds } from '../../../lib/ids.ts';
import { createLog, type Log } from '../../../lib/log.ts';
import { waitUntil } from '../../../lib/retry.ts';
import type { VolumeSettings } from '../settings.ts';
import { migrateVolume, startVolume, type VolumeService } from '../start-volume.ts';
import { sampleImage } from '../../../../test/support/samples.ts';
import type { WireBody } from '../../../../test/support/wire-body.ts';

const rolesOf: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  service: ['service', 'member', 'reader'],
  member: ['member', 'reader'],
  reader: ['reader'],
};

/** Who the tests are: the token names the project and the role, as in `alpha.member`. */
export function callerOf(token: string): Caller | null {
  const [projectId, role] = token.split('.');
  if (projectId === undefined || role === undefined) return null;
  return {
    userId: `user-of-${projectId}`,
    userName: projectId,
    userDomainId: 'default',
    projectId,
    projectName: projectId,
    projectDomainId: 'default',
    domainId: null,
    system: false,
    roles: rolesOf[role] ?? [],
    isAdmin: role === 'admin',
    serviceRoles: [],
    token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

const session = (token: string): Session => ({ token: async () => token });

/** Images in memory. */
export interface TestImages extends Pick<ImageClient, 'show' | 'create' | 'upload' | 'download' | 'delete'> {
  add(image: Partial<Image>, data: Buffer): Image;
  dataOf(imageId: string): Buffer | undefined;
}

export function testImages(): TestImages {
  const images = new Map<string, { image: Image; data: Buffer }>();
  const known = (id: string) => {
    const found = images.get(id);
    if (found === undefined) throw notFound(`No image found with ID ${id}`);
    return found;
  };
  const add = (given: Partial<Image>, data: Buffer): Image => {
    const image: Image = sampleImage({
      id: randomIds.uuid(),
      name: 'an image',
      owner: null,
      diskFormat: 'raw',
      size: data.length,
      createdAt: '',
      updatedAt: '',
      ...given,
    });
    images.set(image.id, { image, data });
    return image;
  };
  return {
    add,
    dataOf: (id) => images.get(id)?.data,
    show: async (_session, id) => known(id).image,
    create: async (_session, wanted) =>
      add(
        {
          name: wanted.name,
          diskFormat: wanted.diskFormat,
          status: 'queued',
          size: null,
          minDisk: wanted.minDisk ?? 0,
          properties: wanted.properties ?? {},
        },
        Buffer.alloc(0),
      ),
    async upload(_session, id, stream) {
      const data = await buffer(stream);
      images.set(id, { image: { ...known(id).image, status: 'active', size: data.length }, data });
    },
    download: async (_session, id) => Readable.from([known(id).data]),
    async delete(_session, id) {
      images.delete(id);
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: WireBody;
}

/** A volume service of a test's own, with a database and a directory that go with it. */
export interface TestVolumeService extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  readonly images: TestImages;
  /** Everything it has logged. */
  readonly logged: readonly string[];
  /** Asks for JSON as `token`, below `/v3`; the newest version unless another is named. */
  ask(token: string | null, method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** A new volume that has become available. */
  volume(token: string, given?: Readonly<Record<string, unknown>>): Promise<WireBody>;
  /** The thing at this path once it has this status; another final one is an error. */
  settled(token: string, path: string, status: string): Promise<WireBody>;
  gone(token: string, path: string): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestVolumeOptions {
  readonly backend?: 'qemu' | 'fake';
  readonly options?: Partial<VolumeSettings>;
  readonly log?: Log;
}

export async function testVolumeService({ backend = 'fake', options = {} }: TestVolumeOptions = {}): Promise<TestVolumeService> {
  const database = await temporaryDatabase(migrateVolume, 'volume');
  const directory = await mkdtemp(join(tmpdir(), 'kn-vol-'));
  const images = testImages();
  const logged: string[] = [];
  const start = (): Promise<VolumeService> =>
    startVolume({
      databaseUrl: database.url,
      directory,
      backend,
      options,
      settings: readSettings('').settings,
      image: images,
      clock: systemClock,
      ids: randomIds,
      log: createLog({ name: 'volume', level: 'debug', to: { write: (line) => void logged.push(line) } }),
      hostName: 'here',
      host: '127.0.0.1',
      port: 0,
      identity: {
        authenticate: async (headers) => callerOf(String(headers['x-auth-token'] ?? '')),
        serviceSession: session('service.admin'),
        sessionOf: (caller) => session(caller.token),
        endpoints: { url: async () => 'http://127.0.0.1:9' },
      },
    });
  let service: VolumeService | null = await start();
  const ask: TestVolumeService['ask'] = async (token, method, path, body, headers = {}) => {
    const answer = await fetch(`${service?.url ?? ''}/v3${path}`, {
      method,
      headers: {
        accept: 'application/json',
        'openstack-api-version': 'volume 3.71',
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  const settled: TestVolumeService['settled'] = async (token, path, status) => {
    const { value } = await waitUntil(
      async () => {
        const { body } = await ask(token, 'GET', path);
        const value = Object.values((body ?? {}) as Record<string, { status?: string }>)[0];
        if (value?.status !== status && value?.status?.startsWith('error') === true)
          throw new Error(
            `${path} is in ${value.status}, and not ${status}: ${logged.filter((line) => line.includes('"err"')).join('\n')}`,
          );
        return value?.status === status ? { value } : null;
      },
      { clock: systemClock, timeoutMs: 30_000, everyMs: 15, what: `status ${status} of ${path}` },
    );
    return value;
  };
  return {
    get url() {
      return service?.url ?? '';
    },
    directory,
    images,
    logged,
    ask,
    settled,
    async volume(token, given = {}) {
      const { status, body } = await ask(token, 'POST', '/volumes', { volume: { size: 1, ...given } });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return settled(token, `/volumes/${body.volume.id}`, 'available');
    },
    async gone(token, path) {
      await waitUntil(async () => ((await ask(token, 'GET', path)).status === 404 ? true : null), {
        clock: systemClock,
        timeoutMs: 30_000,
        everyMs: 15,
        what: `the end of ${path}`,
      });
    },
    async restart() {
      await service?.stop();
      service = await start();
    },
    async stop() {
      await service?.stop();
      service = null;
    },
    async [Symbol.asyncDispose]() {
      await service?.stop({ removeDataPlane: true });
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
}
