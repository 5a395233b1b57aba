import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createConsoleClient } from '../consoles/console-client.ts';
import type { ConsoleKind } from '../consoles/console-kinds.ts';
import { startConsoleProxy } from '../consoles/start-console-proxy.ts';

export interface ConsoleDeps {
  readonly settings: Settings;
  readonly identity: Pick<IdentityClient, 'endpoints' | 'serviceSession'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Consoles {
  /** With the addresses at which the proxies are really reached. */
  readonly settings: Settings;
  stop(): Promise<void>;
}

/** Starts the console proxies of all kinds of consoles that are enabled. */
export async function startConsoles({ settings, ...deps }: ConsoleDeps): Promise<Consoles> {
  const { vnc, spice, serial_console: serial } = settings;
  const consoles = createConsoleClient(deps.identity);
  const stops: (() => Promise<void>)[] = [() => consoles.close()];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  /** The port, and the address users are given: where the system chose the port, with that. */
  const start = async (kind: ConsoleKind, enabled: boolean, host: string, port: number, base: string): Promise<string> => {
    if (!enabled) return base;
    const proxy = await startConsoleProxy({ ...deps, kind, consoles, settings, host, port, log: deps.log.child({ service: kind }) });
    stops.push(() => proxy.stop());
    if (port !== 0) return base;
    const url = new URL(base);
    url.port = String(proxy.port);
    return url.href;
  };
  try {
    return {
      settings: {
        ...settings,
        vnc: {
          ...vnc,
          novncproxy_base_url: await start('novncproxy', vnc.enabled, vnc.novncproxy_host, vnc.novncproxy_port, vnc.novncproxy_base_url),
        },
        spice: {
          ...spice,
          html5proxy_base_url: await start(
            'spicehtml5proxy',
            spice.enabled,
            spice.html5proxy_host,
            spice.html5proxy_port,
            spice.html5proxy_base_url,
          ),
        },
        serial_console: {
          ...serial,
          base_url: await start('serialproxy', serial.enabled, serial.serialproxy_host, serial.serialproxy_port, serial.base_url),
        },
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
