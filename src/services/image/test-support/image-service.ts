import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryDatabase } from '../../../../test/support/database.ts';
import { readSettings } from '../../../config/index.ts';
import type { Caller } from '../../../lib/http/caller.ts';
import { systemClock } from '../../../lib/clock.ts';
import { randomIds } from '../../../lib/ids.ts';
import { createLog } from '../../../lib/log.ts';
import type { ImageLimits } from '../settings.ts';
import { migrateImage, startImage } from '../start-image.ts';
import type { WireBody } from '../../../../test/support/wire-body.ts';

/** Who the tests are: the token names the project and the role, as in `alpha.member`. */
export function callerOf(token: string): Caller | null {
  const [projectId, role] = token.split('.');
  if (projectId === undefined || role === undefined) return null;
  const roles = { admin: ['admin', 'manager', 'member', 'reader'], member: ['member', 'reader'], reader: ['reader'] }[role] ?? [];
  return {
    userId: `user-of-${projectId}`,
    userName: projectId,
    userDomainId: 'default',
    projectId,
    projectName: projectId,
    projectDomainId: 'default',
    domainId: null,
    system: false,
    roles,
    isAdmin: role === 'admin',
    serviceRoles: [],
    token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: WireBody;
}

/** An image service of a test's own, with a database and a directory that go with it. */
export interface TestImageService extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  /** Sends JSON as `token`, or bytes as image data. */
  ask(token: string | null, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  restart(): Promise<void>;
}

export async function testImageService(limits: Partial<ImageLimits> = {}): Promise<TestImageService> {
  const database = await temporaryDatabase(migrateImage, 'image');
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-image-'));
  const start = () =>
    startImage({
      databaseUrl: database.url,
      directory,
      limits,
      settings: readSettings('').settings,
      clock: systemClock,
      ids: randomIds,
      log: createLog({ name: 'image', level: 'error' }),
      host: '127.0.0.1',
      port: 0,
      identity: { authenticate: async (headers) => callerOf(String(headers['x-auth-token'] ?? '')) },
    });
  let service = await start();
  return {
    get url() {
      return service.url;
    },
    directory,
    async ask(token, method, path, body, headers = {}) {
      const bytes = body instanceof Uint8Array || body instanceof ReadableStream;
      const type = bytes
        ? 'application/octet-stream'
        : method === 'PATCH'
          ? 'application/openstack-images-v2.1-json-patch'
          : 'application/json';
      const answer = await fetch(new URL(path, service.url), {
        method,
        headers: {
          accept: 'application/json',
          ...(token === null ? {} : { 'x-auth-token': token }),
          ...(body === undefined ? {} : { 'content-type': type }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
        ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
        redirect: 'manual',
      });
      const json = (answer.headers.get('content-type') ?? '').includes('json');
      return { status: answer.status, headers: answer.headers, body: json ? await answer.json() : Buffer.from(await answer.arrayBuffer()) };
    },
    async restart() {
      await service.stop();
      service = await start();
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
}
