import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentityClient } from '../../clients/identity-http.ts';
import { createPlacementClient } from '../../clients/placement-http.ts';
import { systemClock } from '../../lib/clock.ts';
import { KilonovaError, unavailable } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { urlOf } from '../../lib/postgres/databases.ts';
import { runningServerUrl } from '../../lib/postgres/running-server.ts';
import { openStores } from '../../store/stores.ts';
import type { ManageDeps } from '../manage/manage-deps.ts';
import { resourceRequest } from '../scheduler/translate/resource-request.ts';
import { cloudSettings } from './cloud-settings.ts';
import { readSecrets, stateDirectory } from './state-directory.ts';

/** The databases and the placement service of a cloud that runs, for the operator's commands. */
export async function openControlPlane(
  statePath: string,
  write: (text: string) => void,
): Promise<ManageDeps & { readonly close: () => Promise<void> }> {
  const state = stateDirectory(statePath);
  const secrets = await readSecrets(state);
  if (secrets === null) throw new KilonovaError('notFound', `There is no cloud in ${state.path}.`);
  const { settings } = await cloudSettings(state, secrets, { driver: null, fakeHosts: null, portBase: null });
  const named = settings.database.connection;
  const shared = named === '' ? await runningServerUrl(join(settings.DEFAULT.state_path, 'postgresql'), 'postgres') : named;
  if (shared === null) throw unavailable(`No cloud runs in ${state.path}; bring it up with: kilonova up --detach`);
  const at = (server: string, name: string): string => urlOf(server, name);
  const stores = await openStores({
    api: at(settings.api_database.connection || shared, 'nova_api'),
    cell0: at(shared, 'nova_cell0'),
    cell1: at(shared, 'nova_cell1'),
    maxConnections: 2,
  });
  const { keystone_authtoken: auth } = settings;
  const openrc = await readFile(state.openrc, 'utf8').catch(() => '');
  const identity = createIdentityClient({
    authUrl: /^export OS_AUTH_URL='(.*)'$/m.exec(openrc)?.[1] ?? auth.auth_url,
    username: auth.username,
    password: auth.password,
    projectName: auth.project_name,
    userDomainName: auth.user_domain_name,
    projectDomainName: auth.project_domain_name,
    region: auth.region_name,
    log: silentLog,
    clock: systemClock,
  });
  const placement = createPlacementClient({ endpoints: identity.endpoints, log: silentLog });
  return {
    stores,
    placement,
    session: identity.serviceSession,
    amountsOf(server) {
      const { main, others } = resourceRequest(server, { pinning: true, pci: [] });
      return others.length === 0 ? main.resources : null;
    },
    write,
    close: async () => void (await Promise.all([stores.close(), placement.close(), identity.close()])),
  };
}
