import { createIdentityClient } from '../../clients/identity-http.ts';
import { loadSettings, type Settings } from '../../config/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLog } from '../../lib/log.ts';
import { createConsoleClient } from './console-client.ts';
import type { ConsoleKind } from './console-kinds.ts';
import { startConsoleProxy } from './start-console-proxy.ts';

/** Where a proxy listens, by its settings. */
const places: Readonly<Record<ConsoleKind, (settings: Settings) => { readonly host: string; readonly port: number }>> = {
  novncproxy: ({ vnc }) => ({ host: vnc.novncproxy_host, port: vnc.novncproxy_port }),
  spicehtml5proxy: ({ spice }) => ({ host: spice.html5proxy_host, port: spice.html5proxy_port }),
  serialproxy: ({ serial_console: serial }) => ({ host: serial.serialproxy_host, port: serial.serialproxy_port }),
};

export interface RunningConsoleProxy {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Runs one console proxy by itself, beside a cloud that runs elsewhere: it logs in as the service user of `[keystone_authtoken]` and finds
 * the Compute API in the catalog. It needs neither a database nor the bus.
 */
export async function runConsoleProxy(kind: ConsoleKind, configFile: string, warn: (text: string) => void): Promise<RunningConsoleProxy> {
  const { settings, warnings } = loadSettings(configFile);
  for (const warning of warnings) warn(warning);
  const log = createLog({ name: kind, level: settings.DEFAULT.debug ? 'debug' : 'info' });
  const own = settings.keystone_authtoken;
  const identity = createIdentityClient({
    authUrl: own.auth_url,
    username: own.username,
    password: own.password,
    projectName: own.project_name,
    userDomainName: own.user_domain_name,
    projectDomainName: own.project_domain_name,
    region: own.region_name,
    log,
    clock: systemClock,
  });
  const consoles = createConsoleClient(identity);
  const place = places[kind](settings);
  try {
    const proxy = await startConsoleProxy({ kind, consoles, settings, ...place, clock: systemClock, log });
    return {
      host: place.host,
      port: proxy.port,
      async stop() {
        await proxy.stop();
        await Promise.all([consoles.close(), identity.close()]);
      },
    };
  } catch (error) {
    await Promise.all([consoles.close(), identity.close()]);
    throw error;
  }
}
