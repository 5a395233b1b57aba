import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import { createService, listen } from '../../lib/http/service.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler } from '../../lib/reconciler/reconciler.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { callerOf } from '../../domain/token-caller.ts';
import type { IdentityDeps } from './deps.ts';
import { identityFaults } from './faults.ts';
import { createLoginThrottle, type ThrottleSettings } from './login-throttle.ts';
import { identityMigrations } from './migrations.ts';
import { createPasswords, type PasswordCost } from './password-hash.ts';
import { identityPolicy } from './policy.ts';
import { forgetOldRevocations } from './revocations.ts';
import { identityRoutes } from './routes.ts';
import { loadSigningKeys } from './signing-keys.ts';
import type { IdentityDatabase, IdentityTables } from './tables.ts';
import { validClaims } from './tokens/authenticate.ts';

export interface IdentityOptions {
  readonly databaseUrl: string;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly tokenSeconds?: number;
  readonly throttle?: ThrottleSettings;
  readonly passwordCost?: PasswordCost;
  readonly policyOverrides?: Readonly<Record<string, string>>;
}

export interface IdentityService extends AsyncDisposable {
  readonly port: number;
  /** With `/v3`, as clients are told. */
  readonly url: string;
  /** For `bootstrap`. */
  readonly deps: IdentityDeps;
  /** For tests that need no socket. */
  readonly app: FastifyInstance;
  stop(): Promise<void>;
}

/** Starts the identity service on its own database. */
export async function startIdentity(options: IdentityOptions): Promise<IdentityService> {
  const db = openDatabase<IdentityTables>(options.databaseUrl, { name: 'kilonova-identity' });
  try {
    return await startOn(db, options);
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

async function startOn(db: IdentityDatabase, options: IdentityOptions): Promise<IdentityService> {
  const { clock, ids, log } = options;
  await migrate(db, identityMigrations);
  const deps: IdentityDeps = {
    db,
    keys: await loadSigningKeys(db, clock),
    passwords: createPasswords({ clock, ...(options.passwordCost === undefined ? {} : { cost: options.passwordCost }) }),
    throttle: createLoginThrottle(clock, options.throttle ?? { attempts: 10, seconds: 60 }),
    tokenSeconds: options.tokenSeconds ?? 3600,
    clock,
    ids,
    log,
  };
  const app = createIdentityApp(deps, options.policyOverrides);
  const port = await listen(app, options);
  const cleaning = startReconciler(
    { name: 'identity-old-revocations', everyMs: 3600_000, run: async () => ({ forgotten: await forgetOldRevocations(db, clock) }) },
    { clock, log },
  );
  const stop = async (): Promise<void> => {
    await app.close();
    await cleaning.stop();
    await db.destroy();
  };
  return { port, url: `http://${options.host}:${port}/v3`, deps, app, stop, [Symbol.asyncDispose]: stop };
}

/** The HTTP application on these deps. It listens nowhere. */
export function createIdentityApp(deps: IdentityDeps, policyOverrides: Readonly<Record<string, string>> = {}): FastifyInstance {
  const app = createService<IdentityDeps>({
    name: 'identity',
    routes: identityRoutes,
    faults: identityFaults,
    policy: identityPolicy(policyOverrides),
    async authenticate(headers) {
      const token = headers['x-auth-token'];
      if (typeof token !== 'string' || token === '') return null;
      const claims = await validClaims(deps, token);
      return claims === null ? null : callerOf(claims, token);
    },
    deps,
    log: deps.log,
    maxBodyBytes: 114_688,
  });
  app.addHook('onRequest', async (_request, reply) => void reply.header('vary', 'X-Auth-Token'));
  return app;
}
