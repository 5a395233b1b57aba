import type { FastifyInstance } from 'fastify';
import type { Caller } from '../../../lib/http/caller.ts';
import { systemClock } from '../../../lib/clock.ts';
import { randomIds } from '../../../lib/ids.ts';
import { silentLog } from '../../../lib/log.ts';
import { createPolicy } from '../../../lib/policy/policy.ts';
import { openDatabase } from '../../../lib/sql/database.ts';
import { createPlacementApplication } from '../application.ts';
import type { PlacementDeps } from '../deps.ts';
import { policyRules } from '../policy.ts';
import type { PlacementTables } from '../store/tables.ts';
import { createCurrentView } from '../view/current-view.ts';
import type { WireBody } from '../../../../test/support/wire-body.ts';

export interface PlacementForTests extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly deps: PlacementDeps;
  /** A request of an administrator and service at one version; answers status, headers and parsed body. */
  ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, options?: AskOptions): Promise<Asked>;
}

export interface AskOptions {
  readonly version?: string;
  readonly body?: unknown;
  /** Comma-separated roles; `admin,service` when left out. */
  readonly roles?: string;
  readonly project?: string;
}

export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: WireBody;
}

/** A caller whose token is their roles, perhaps with a project: `admin`, `reader@p1`. */
export function callerOf(token: string | undefined): Caller | null {
  if (token === undefined || token === '') return null;
  const [roles = '', project = 'project'] = token.split('@');
  const list = roles.split(',');
  return {
    userId: 'user',
    userName: 'user',
    userDomainId: 'default',
    projectId: project,
    projectName: project,
    projectDomainId: 'default',
    domainId: null,
    system: false,
    roles: list,
    isAdmin: list.includes('admin'),
    serviceRoles: [],
    token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

/** A placement service on a database, asked without a network. */
export function placementForTests(databaseUrl: string, maxConnections = 8, more: Partial<PlacementDeps> = {}): PlacementForTests {
  const database = openDatabase<PlacementTables>(databaseUrl, { name: 'placement-test', maxConnections });
  const deps: PlacementDeps = {
    database,
    view: createCurrentView(database, systemClock),
    identity: { authenticate: (headers) => Promise.resolve(callerOf(headers['x-auth-token']?.toString())) },
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    randomizes: false,
    ...more,
  };
  const app = createPlacementApplication(deps, createPolicy(policyRules));
  return {
    app,
    deps,
    async ask(method, url, { version = '1.39', body, roles = 'admin,service', project = 'project' } = {}) {
      const answer = await app.inject({
        method,
        url,
        headers: {
          'x-auth-token': `${roles}@${project}`,
          'openstack-api-version': `placement ${version}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body === '' ? undefined : answer.json() };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await database.destroy();
    },
  };
}
