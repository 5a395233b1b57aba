import type { Settings } from '../../../config/index.ts';
import type { ConsoleAddress } from '../../../contracts/compute.ts';
import { invalid, unsupported } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';
import type { HypervisorDriver } from '../drivers/driver.ts';

export type ConsoleProtocol = 'vnc' | 'spice' | 'serial' | 'mks';

interface ConsoleRule {
  readonly enabled: (settings: Settings) => boolean;
  /** Which driver ability it is; VMware alone has that of `mks`. */
  readonly ability: keyof NonNullable<HypervisorDriver['consoles']> | null;
  /** Where users are sent, by the console's type. */
  readonly bases: Readonly<Record<string, (settings: Settings) => string>>;
}

const rules: Readonly<Record<ConsoleProtocol, ConsoleRule>> = {
  vnc: { enabled: ({ vnc }) => vnc.enabled, ability: 'vnc', bases: { novnc: ({ vnc }) => vnc.novncproxy_base_url } },
  spice: {
    enabled: ({ spice }) => spice.enabled,
    ability: 'spice',
    bases: {
      'spice-html5': ({ spice }) => spice.html5proxy_base_url,
      'spice-direct': ({ spice }) => spice.spice_direct_proxy_base_url,
    },
  },
  serial: {
    enabled: ({ serial_console: serial }) => serial.enabled,
    ability: 'serial',
    bases: { serial: ({ serial_console: serial }) => serial.base_url },
  },
  mks: { enabled: ({ mks }) => mks.enabled, ability: null, bases: { webmks: () => '' } },
};

/** Where a console of a running guest is, as this host's settings offer it. */
export async function consoleAddress(
  { driver, settings }: Pick<ComputeHost, 'driver' | 'settings'>,
  { instanceId, protocol, type }: { readonly instanceId: string; readonly protocol: ConsoleProtocol; readonly type: string },
): Promise<ConsoleAddress> {
  const { enabled, ability, bases } = rules[protocol];
  if (!enabled(settings)) throw invalid(`Unavailable console type ${type}.`);
  const base = Object.hasOwn(bases, type) ? bases[type] : undefined;
  if (base === undefined) throw invalid(`Invalid console type ${type}`);
  const open = ability === null ? undefined : driver.consoles?.[ability];
  if (open === undefined) throw unsupported('The requested functionality is not supported.');
  const found = await open(instanceId);
  if (found === null) throw invalid(`Unavailable console type ${protocol}.`); // made before consoles of this kind were enabled
  return { host: found.host, port: found.port, tlsPort: found.tlsPort ?? null, internalAccessPath: null, accessUrlBase: base(settings) };
}
