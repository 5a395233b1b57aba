import { temporaryDatabase } from '../../../test/support/database.ts';
import type { Clock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { bootstrap } from './bootstrap.ts';
import { identityMigrations } from './migrations.ts';
import { startIdentity, type IdentityService } from './start-identity.ts';
import type { WireBody } from '../../../test/support/wire-body.ts';

export interface Asked {
  readonly status: number;
  readonly json: WireBody;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A started identity service as tests use it. */
export interface IdentityUnderTest extends AsyncDisposable {
  readonly service: IdentityService;
  readonly clock: MovableClock;
  ask(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: { readonly token?: string; readonly subject?: string; readonly body?: unknown; readonly raw?: string },
  ): Promise<Asked>;
  /** A token for a user of domain Default; with the scope given, or none. */
  token(name: string, password: string, scope?: unknown): Promise<string>;
  /** Makes a user of domain Default with roles on a new project, and answers all their ids. */
  person(options?: { readonly roles?: readonly string[] }): Promise<Person>;
  roleId(name: string): Promise<string>;
  /** The bootstrap's administrator, on project admin. */
  adminToken(): Promise<string>;
}

export interface Person {
  readonly userId: string;
  readonly userName: string;
  readonly password: string;
  readonly projectId: string;
  readonly projectName: string;
  /** A token for the project. */
  token(): Promise<string>;
}

/** The system's time, and what a test adds to it. */
export interface MovableClock extends Clock {
  advance(ms: number): void;
}

function movableClock(): MovableClock {
  let added = 0;
  return {
    now: () => Date.now() + added,
    sleep: (_ms, signal) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped')))),
    advance: (ms) => void (added += ms),
  };
}

export const adminPassword = 'admin-secret';
export const novaPassword = 'nova-secret-of-thirty-two-characters';

/** Starts an identity service on a database of its own, bootstrapped. */
export async function startIdentityUnderTest(): Promise<IdentityUnderTest> {
  const database = await temporaryDatabase(async (url) => {
    const db = openDatabase(url);
    await migrate(db, identityMigrations);
    await db.destroy();
  }, 'identity');
  const clock = movableClock();
  const service = await startIdentity({
    databaseUrl: database.url,
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    clock,
    ids: randomIds,
    passwordCost: { n: 1024, r: 8, p: 1 },
    throttle: { attempts: 5, seconds: 60 },
  });
  await bootstrap(service.deps, {
    adminPassword,
    servicePasswords: { nova: novaPassword, 'metadata-proxy': 'proxy-secret' },
    region: 'RegionOne',
    endpoints: [
      { type: 'identity', name: 'keystone', url: service.url },
      { type: 'compute', name: 'nova', url: 'http://127.0.0.1:8774/v2.1' },
      { type: 'volumev3', name: 'cinder', url: 'http://127.0.0.1:8776/v3/$(project_id)s' },
    ],
    projects: ['demo'],
  });
  const ask: IdentityUnderTest['ask'] = async (method, path, { token, subject, body, raw } = {}) => {
    const answer = await service.app.inject({
      method,
      url: path,
      headers: {
        ...(token === undefined ? {} : { 'x-auth-token': token }),
        ...(subject === undefined ? {} : { 'x-subject-token': subject }),
        ...(body === undefined && raw === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(raw === undefined ? (body === undefined ? {} : { payload: JSON.stringify(body) }) : { payload: raw }),
    });
    return {
      status: answer.statusCode,
      json: answer.body === '' ? undefined : (JSON.parse(answer.body) as unknown),
      headers: answer.headers,
    };
  };
  const token: IdentityUnderTest['token'] = async (name, password, scope) => {
    const { status, headers, json } = await ask('POST', '/v3/auth/tokens', { body: passwordLogin(name, password, scope) });
    if (status !== 201) throw new Error(`log-in of ${name} answered ${status}: ${JSON.stringify(json)}`);
    return String(headers['x-subject-token']);
  };
  const adminToken = (): Promise<string> => token('admin', adminPassword, onProject('admin'));
  const made = async (path: string, key: string, body: unknown): Promise<string> => {
    const { status, json } = await ask('POST', path, { token: await adminToken(), body: { [key]: body } });
    if (status !== 201) throw new Error(`POST ${path} answered ${status}: ${JSON.stringify(json)}`);
    return String(json[key].id);
  };
  const roleId = async (name: string): Promise<string> => {
    const { json } = await ask('GET', `/v3/roles?name=${name}`, { token: await adminToken() });
    return String(json.roles[0].id);
  };
  let people = 0;
  return {
    service,
    clock,
    ask,
    token,
    adminToken,
    roleId,
    async person({ roles = ['member'] } = {}) {
      const name = `person-${++people}`;
      const password = `password of ${name}`;
      const userId = await made('/v3/users', 'user', { name, password });
      const projectId = await made('/v3/projects', 'project', { name });
      for (const role of roles)
        await ask('PUT', `/v3/projects/${projectId}/users/${userId}/roles/${await roleId(role)}`, { token: await adminToken() });
      return { userId, userName: name, password, projectId, projectName: name, token: () => token(name, password, onProject(name)) };
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await database.drop();
    },
  };
}

export const onProject = (name: string): unknown => ({ project: { name, domain: { id: 'default' } } });

export const passwordLogin = (name: string, password: string, scope?: unknown): unknown => ({
  auth: {
    identity: { methods: ['password'], password: { user: { name, domain: { id: 'default' }, password } } },
    ...(scope === undefined ? {} : { scope }),
  },
});
