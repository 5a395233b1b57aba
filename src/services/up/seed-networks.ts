import type { Session } from '../../clients/session.ts';
import type { Settings } from '../../config/index.ts';
import { createHttpClient } from '../../lib/http/client.ts';
import type { Log } from '../../lib/log.ts';
import { bootstrapNetworks } from '../network/index.ts';
import type { Cloud } from './cloud.ts';

/** Makes the networks a new cloud begins with, as its administrator would: `private`, shared and with DHCP, `public` with floating IPs, and a router between them. */
export async function seedNetworks(cloud: Cloud, admin: Session, settings: Settings, log: Log): Promise<void> {
  const http = createHttpClient({ service: 'identity', connections: 1 });
  const { json } = await http.json<{ projects: { id: string; name: string }[] }>({
    url: `${cloud.authUrl}/auth/projects`,
    headers: { 'x-auth-token': await admin.token() },
  });
  await http.close();
  const projectId = json.projects.find(({ name }) => name === 'admin')?.id ?? '';
  const { private_cidr: privateCidr, external_cidr: externalCidr } = settings.kilonova;
  await bootstrapNetworks({ url: cloud.endpoints['network'] ?? '', session: admin, projectId, privateCidr, externalCidr, log });
}
