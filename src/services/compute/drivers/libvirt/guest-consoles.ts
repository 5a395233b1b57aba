import type { Settings } from '../../../../config/index.ts';
import { conflict } from '../../../../lib/errors.ts';
import { getDomainXml, isLibvirtError, listDomains, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import type { XmlElement } from '../../../../lib/xml/build.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { attributeAt, findAll } from '../../../../lib/xml/query.ts';
import type { ConsoleOpener, HypervisorDriver } from '../driver.ts';
import type { SpiceScreens } from './console-devices.ts';
import type { OwnedDomains } from './owned-domains.ts';
import { isOff, stateOf } from './power-down.ts';

type Ask = <T>(work: (client: LibvirtClient) => Promise<T>) => Promise<T>;

/** The consoles that this host gives its guests, read from what libvirt says of a running one. */
export function guestConsoles(settings: Settings, domains: OwnedDomains, ask: Ask): NonNullable<HypervisorDriver['consoles']> {
  const { vnc, spice, serial_console: serial } = settings;
  const opener =
    (find: (domain: XmlElement) => Awaited<ReturnType<ConsoleOpener>>): ConsoleOpener =>
    (id) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        if (isOff(await stateOf(client, domain))) throw conflict(`Guest ${id} does not run: it has no console.`, { code: 'power-state' });
        return find(parseXml(await getDomainXml(client, domain)));
      });
  return {
    ...(vnc.enabled ? { vnc: opener((domain) => graphics(domain, 'vnc', vnc.server_proxyclient_address)) } : {}),
    ...(spice.enabled ? { spice: opener((domain) => graphics(domain, 'spice', spice.server_proxyclient_address)) } : {}),
    ...(serial.enabled
      ? {
          serial: opener((domain) => {
            const [port] = listeningSerialPorts(domain);
            return port === undefined ? null : port;
          }),
        }
      : {}),
  };
}

function graphics(domain: XmlElement, type: string, host: string): Awaited<ReturnType<ConsoleOpener>> {
  const device = findAll(domain, 'devices/graphics').find((one) => one.attributes['type'] === type);
  const port = (name: string): number => Number(device?.attributes[name] ?? -1);
  const tlsPort = port('tlsPort');
  if (port('port') <= 0 && tlsPort <= 0) return null;
  return { host, port: Math.max(port('port'), 0), ...(tlsPort > 0 ? { tlsPort } : {}) };
}

function listeningSerialPorts(domain: XmlElement): readonly { readonly host: string; readonly port: number }[] {
  return findAll(domain, 'devices/serial')
    .filter((device) => device.attributes['type'] === 'tcp' && attributeAt(device, 'source', 'mode') === 'bind')
    .map((device) => ({ host: attributeAt(device, 'source', 'host') ?? '', port: Number(attributeAt(device, 'source', 'service')) }));
}

/** The serial ports of every domain of the hypervisor, whosever it is. */
export async function serialPortsInUse(client: LibvirtClient): Promise<ReadonlyMap<string, readonly number[]>> {
  const held = new Map<string, readonly number[]>();
  for (const domain of await listDomains(client)) {
    const xml = await getDomainXml(client, domain).catch((error: unknown) => {
      if (isLibvirtError(error, 'noDomain')) return null; // it went away meanwhile
      throw error;
    });
    const ports = xml === null ? [] : listeningSerialPorts(parseXml(xml)).map(({ port }) => port);
    if (ports.length > 0) held.set(domain.uuid, ports);
  }
  return held;
}

/** How screens are shown over SPICE on this host; null where they are not. */
export function spiceScreens({ spice }: Settings): SpiceScreens | null {
  if (!spice.enabled) return null;
  const tuning = [
    { element: 'image', attribute: 'compression', value: spice.image_compression },
    { element: 'jpeg', attribute: 'compression', value: spice.jpeg_compression },
    { element: 'zlib', attribute: 'compression', value: spice.zlib_compression },
    { element: 'playback', attribute: 'compression', value: spice.playback_compression },
    { element: 'streaming', attribute: 'mode', value: spice.streaming_mode },
  ];
  return {
    listen: spice.server_listen,
    agent: spice.agent_enabled,
    tuning: tuning.flatMap(({ value, ...where }) => (value === null ? [] : [{ ...where, value }])),
    secure: spice.require_secure,
  };
}
