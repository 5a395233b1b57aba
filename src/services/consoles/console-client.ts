import type { IdentityClient } from '../../clients/identity.ts';
import type { ConsoleSession } from '../../contracts/consoles.ts';
import { createHttpClient } from '../../lib/http/client.ts';

/** Asks the Compute API which console a token opens. */
export interface ConsoleClient {
  /** Throws `notFound` for a token that is unknown or expired, and for a console that is no longer where it was. */
  open(token: string): Promise<ConsoleSession>;
  close(): Promise<void>;
}

export function createConsoleClient(identity: Pick<IdentityClient, 'endpoints' | 'serviceSession'>): ConsoleClient {
  const http = createHttpClient({ service: 'compute' });
  return {
    async open(token) {
      const [compute, own] = await Promise.all([identity.endpoints.url('compute'), identity.serviceSession.token()]);
      const base = compute.replace(/\/v2(\.1)?(\/.*)?$/, '');
      const { json } = await http.json<ConsoleSession>({
        method: 'POST',
        url: `${base}/kilonova/v1/console-sessions`,
        headers: { 'x-auth-token': own },
        json: { token },
        timeoutMs: 15_000,
      });
      return json;
    },
    close: () => http.close(),
  };
}
