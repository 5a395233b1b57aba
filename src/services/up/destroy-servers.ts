import type { Session } from '../../clients/session.ts';
import { systemClock } from '../../lib/clock.ts';
import { createHttpClient } from '../../lib/http/client.ts';
import { waitUntil } from '../../lib/retry.ts';
import type { Cloud } from './cloud.ts';

/** Deletes every server of the cloud, as its administrator would, and waits until they are gone. */
export async function destroyServers(cloud: Pick<Cloud, 'endpoints'>, admin: Session): Promise<void> {
  const http = createHttpClient({ service: 'compute' });
  const base = cloud.endpoints['compute'] ?? '';
  const headers = { 'x-auth-token': await admin.token() };
  const remaining = async (): Promise<readonly { readonly id: string }[]> =>
    (await http.json<{ servers: { id: string }[] }>({ url: `${base}/servers?all_tenants=true`, headers })).json.servers;
  for (const { id } of await remaining()) {
    const { body } = await http.raw({ method: 'DELETE', url: `${base}/servers/${id}`, headers });
    await body.dump();
  }
  await waitUntil(async () => ((await remaining()).length === 0 ? true : null), {
    clock: systemClock,
    timeoutMs: 120_000,
    everyMs: 200,
    what: 'The deletion of all servers',
  });
  await http.close();
}
