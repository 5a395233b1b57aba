import type { HostReport, HostWish } from '../../../contracts/network-agent.ts';
import type { IdentityClient } from '../../../clients/identity.ts';
import { createHttpClient, errorOfStatus } from '../../../lib/http/client.ts';

/** Where a host's wish comes from and where its report goes. */
export interface WishSource {
  /** A wish of another revision than `after`; waits for one. */
  next(after: number, signal: AbortSignal): Promise<HostWish>;
  report(report: HostReport, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const longPollMs = 60_000;

/** The network service of the catalog, asked by long polls with the service's own token. */
export function httpWishSource({ identity, host }: { readonly identity: IdentityClient; readonly host: string }): WishSource {
  const client = createHttpClient({ service: 'network', connections: 2 });
  const url = async (rest: string): Promise<string> =>
    `${await identity.endpoints.url('network')}/kilonova/v1/agents/${encodeURIComponent(host)}/${rest}`;
  const headers = async (): Promise<Record<string, string>> => ({ 'x-auth-token': await identity.serviceSession.token() });
  return {
    async next(after, signal) {
      for (;;) {
        const { status, body } = await client.raw({
          url: await url(`wish?after=${after}`),
          headers: await headers(),
          signal,
          timeoutMs: longPollMs,
        });
        const text = await body.text();
        if (status === 204 || status === 304) continue;
        if (status !== 200) throw errorOfStatus('network', status, text);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every value in it is parsed by checkWish
        const wish = JSON.parse(text) as HostWish;
        if (wish.revision !== after) return wish;
        signal.throwIfAborted();
      }
    },
    async report(report, signal) {
      await client.json({ method: 'PUT', url: await url('report'), headers: await headers(), json: report, signal });
    },
    close: () => client.close(),
  };
}
