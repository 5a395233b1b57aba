import { readFile } from 'node:fs/promises';
import { createIdentityClient } from './identity-http.ts';
import { systemClock } from '../lib/clock.ts';
import { isKind, KilonovaError, messageOf } from '../lib/errors.ts';
import { createHttpClient } from '../lib/http/client.ts';
import { silentLog } from '../lib/log.ts';

/** The operator's API of a running cloud, asked in the name of its administrator. */
export interface OperatorClient extends AsyncDisposable {
  ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>;
}

/** An audit of many hosts takes its time. */
const timeoutMs = 600_000;

/** Logs in with the variables of an `openrc` and finds the Compute API in the catalog. A cloud that does not answer is `no-cloud`. */
export async function openOperatorClient(openrc: string): Promise<OperatorClient> {
  const variables = await readVariables(openrc);
  const of = (name: string): string => variables.get(name) ?? '';
  const identity = createIdentityClient({
    authUrl: of('OS_AUTH_URL'),
    username: of('OS_USERNAME'),
    password: of('OS_PASSWORD'),
    projectName: of('OS_PROJECT_NAME'),
    userDomainName: of('OS_USER_DOMAIN_NAME'),
    projectDomainName: of('OS_PROJECT_DOMAIN_NAME'),
    region: of('OS_REGION_NAME'),
    interface: 'public',
    log: silentLog,
    clock: systemClock,
  });
  const http = createHttpClient({ service: 'compute' });
  return {
    async ask<T>(method: 'GET' | 'POST', path: string, body?: unknown) {
      try {
        const [compute, token] = await Promise.all([identity.endpoints.url('compute'), identity.serviceSession.token()]);
        const base = compute.replace(/\/v2(\.1)?(\/.*)?$/, '');
        const { json } = await http.json<T>({
          method,
          url: `${base}/kilonova/v1${path}`,
          headers: { 'x-auth-token': token },
          timeoutMs,
          ...(body === undefined ? {} : { json: body }),
        });
        return json;
      } catch (error) {
        if (isKind(error, 'unavailable') && error.details['status'] === undefined)
          throw noCloud(`The cloud at ${of('OS_AUTH_URL')} does not answer: ${error.message}`, error);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([http.close(), identity.close()]);
    },
  };
}

export const noCloud = (message: string, cause?: unknown): KilonovaError =>
  new KilonovaError('unavailable', message, { code: 'no-cloud', ...(cause === undefined ? {} : { cause }) });

export const isNoCloud = (error: unknown): error is KilonovaError => error instanceof KilonovaError && error.code === 'no-cloud';

async function readVariables(openrc: string): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map(
      [...(await readFile(openrc, 'utf8')).matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
  } catch (error) {
    throw noCloud(`There is no cloud here: ${messageOf(error)}`, error);
  }
}
