import { temporaryDatabase } from '../../../../test/support/database.ts';
import type { Clock } from '../../../lib/clock.ts';
import { systemClock } from '../../../lib/clock.ts';
import { unavailable } from '../../../lib/errors.ts';
import type { Caller } from '../../../lib/http/caller.ts';
import { createLog } from '../../../lib/log.ts';
import { migrateNetwork, startNetwork, type RunningNetwork } from '../start-network.ts';
import type { WireBody } from '../../../../test/support/wire-body.ts';

const rolesOf: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  member: ['member', 'reader'],
  reader: ['reader'],
  service: ['service'],
  stranger: [],
};

/** Who the tests are: a token names project and role, as in `alpha.member`. */
export function callerOf(token: string): Caller | null {
  const [projectId, role] = token.split('.');
  const roles = rolesOf[role ?? ''];
  if (projectId === undefined || projectId === '' || roles === undefined) return null;
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
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: WireBody;
}

/** A network service of a test's own, on a database of its own. */
export interface TestNetworkService extends AsyncDisposable {
  readonly service: RunningNetwork;
  /** Asks as `token`; `path` is below `/v2.0` unless it begins with `/`. */
  ask(
    token: string | null,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Asks and gives what is in the envelope; fails on anything but success. */
  make(token: string, path: string, body: Record<string, unknown>): Promise<WireBody>;
}

export async function testNetworkService(
  options: {
    readonly dataPlane?: 'linux-bridge' | 'none';
    readonly clock?: Clock;
    readonly computeUrl?: string;
    readonly listens?: boolean;
  } = {},
): Promise<TestNetworkService> {
  const database = await temporaryDatabase(migrateNetwork, 'network');
  const service = await startNetwork({
    databaseUrl: database.url,
    settings: { kilonova: { network_data_plane: options.dataPlane ?? 'none', auto_allocated_cidr: '10.220.0.0/20', listen: '127.0.0.1' } },
    clock: options.clock ?? systemClock,
    log: createLog({ name: 'network', level: process.env['TEST_LOG'] ?? 'silent' }),
    port: options.listens === true ? 0 : null,
    identity: {
      authenticate: async (headers) => callerOf(String(headers['x-auth-token'] ?? '')),
      serviceSession: { token: async () => 'services.service' },
      endpoints: {
        async url() {
          if (options.computeUrl === undefined) throw unavailable('There is no compute service here.');
          return options.computeUrl;
        },
      },
    },
  });
  const ask: TestNetworkService['ask'] = async (token, method, path, body, headers = {}) => {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const answer = await service.app.inject({
      method,
      url: path.startsWith('/') ? path : `/v2.0/${path}`,
      headers: {
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(text === undefined ? {} : { payload: text }),
    });
    const parsed: unknown = answer.body === '' ? null : JSON.parse(answer.body);
    return { status: answer.statusCode, headers: answer.headers, body: parsed };
  };
  return {
    service,
    ask,
    async make(token, path, body) {
      const answer = await ask(token, 'POST', path, body);
      if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      const [made] = Object.values<unknown>(answer.body);
      return made;
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await database.drop();
    },
  };
}
