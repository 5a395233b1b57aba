import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Caller } from '../../../src/lib/http/caller.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { randomIds } from '../../../src/lib/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createPolicy } from '../../../src/lib/policy/policy.ts';
import { createDatabase, dropDatabase } from '../../../src/lib/postgres/databases.ts';
import { startPostgres } from '../../../src/lib/postgres/start-postgres.ts';
import { openDatabase, type Database } from '../../../src/lib/sql/database.ts';
import { createPlacementApplication } from '../../../src/services/placement/application.ts';
import { policyRules } from '../../../src/services/placement/policy.ts';
import { migratePlacement } from '../../../src/services/placement/start-placement.ts';
import type { PlacementTables } from '../../../src/services/placement/store/tables.ts';
import { createCurrentView } from '../../../src/services/placement/view/current-view.ts';

/** A placement service for declarative tests of others: `GET /__reset?policy=` empties it and chooses who may do what; tokens are `user:project`. */
export interface ServedPlacement extends AsyncDisposable {
  readonly port: number;
}

const callerOf = (headers: IncomingHttpHeaders): Caller | null => {
  const token = headers['x-auth-token']?.toString() ?? '';
  if (token === '') return null;
  const [user = '', project] = token.split(':');
  const named = headers['x-roles']?.toString();
  const roles = named === undefined ? (user === 'admin' ? ['admin'] : []) : named.split(',');
  const system = headers['openstack-system-scope'] === 'all';
  return {
    userId: user,
    userName: user,
    userDomainId: 'default',
    projectId: system ? null : (headers['x-project-id']?.toString() ?? project ?? user),
    projectName: project ?? user,
    projectDomainId: 'default',
    domainId: null,
    system,
    roles,
    isAdmin: roles.includes('admin'),
    serviceRoles: [],
    token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
};

/** Policies that the published tests begin with. */
const overridesOf = (policy: string): Readonly<Record<string, string>> =>
  policy === 'open'
    ? Object.fromEntries(Object.keys(policyRules).flatMap((rule) => (rule.startsWith('placement:') ? [[rule, '@']] : [])))
    : policy === 'legacy'
      ? { service_api: 'role:service or role:admin' }
      : {};

/** As the published tests of CORS configure it. */
const cors = {
  allowedOrigins: ['http://valid.example.com'],
  allowCredentials: true,
  exposeHeaders: [],
  allowHeaders: ['openstack-api-version'],
  allowMethods: ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
  maxAgeSeconds: 3600,
};

export async function servePlacement(): Promise<ServedPlacement> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-gabbits-'));
  const postgres = await startPostgres({ directory, log: silentLog, durability: 'off' });
  const base = postgres.url('postgres');
  const template = 'gabbits';
  await migratePlacement(await createDatabase(base, template));
  let current: { readonly app: FastifyInstance; readonly database: Database<PlacementTables>; readonly name: string } | null = null;
  let count = 0;

  const close = async (): Promise<void> => {
    if (current === null) return;
    await current.app.close();
    await current.database.destroy();
    await dropDatabase(base, current.name);
  };
  const reset = async (policy: string): Promise<void> => {
    await close();
    const name = `gabbits_${++count}`;
    const database = openDatabase<PlacementTables>(await createDatabase(base, name, { template }), { name: 'gabbits' });
    const app = createPlacementApplication(
      {
        database,
        view: createCurrentView(database, systemClock),
        randomizes: false,
        identity: { authenticate: (headers) => Promise.resolve(callerOf(headers)) },
        clock: systemClock,
        ids: randomIds,
        log: silentLog,
      },
      createPolicy(policyRules, overridesOf(policy)),
      policy === 'cors' ? cors : undefined,
    );
    await app.ready();
    current = { app, database, name };
  };
  await reset('legacy');
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    if (!url.startsWith('/__reset')) return current?.app.routing(request, response);
    reset(new URLSearchParams(url.split('?')[1]).get('policy') ?? 'legacy').then(
      () => response.end('done'),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  // what is no request at all is refused as the service itself does when it listens
  server.on('clientError', (error, socket) => void current?.app.server.emit('clientError', error, socket));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await close();
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
