import { el, type XmlElement } from '../../../../lib/xml/build.ts';

/** How screens are shown over SPICE. */
export interface SpiceScreens {
  readonly listen: string;
  readonly agent: boolean;
  /** Element and attribute of libvirt, such as `image` `compression`, with their values. */
  readonly tuning: readonly { readonly element: string; readonly attribute: string; readonly value: string }[];
  readonly secure: boolean;
}

/** Where serial ports listen; null where they are only written to a log. */
export interface SerialPorts {
  readonly host: string;
  readonly ports: readonly number[];
}

const spiceChannels = ['main', 'display', 'inputs', 'cursor', 'playback', 'record', 'smartcard', 'usbredir'];

/** The serial ports of a guest; what the first one says is kept in a file, too. */
export function serialDevices(listening: SerialPorts | null, logFile: string): readonly XmlElement[] {
  const log = el('log', { file: logFile, append: 'off' });
  if (listening === null) return [el('serial', { type: 'pty' }, log, el('target', { port: 0 }))];
  return listening.ports.map((service, port) =>
    el(
      'serial',
      { type: 'tcp' },
      el('source', { mode: 'bind', host: listening.host, service }),
      port === 0 && log,
      el('protocol', { type: 'raw' }),
      el('target', { port }),
    ),
  );
}

/** The screen for viewers of either kind; libvirt chooses the ports. */
export const graphicsDevices = (vncListen: string | null, spice: SpiceScreens | null): readonly (XmlElement | false)[] => [
  vncListen !== null &&
    el('graphics', { type: 'vnc', autoport: 'yes', listen: vncListen }, el('listen', { type: 'address', address: vncListen })),
  spice !== null &&
    el(
      'graphics',
      { type: 'spice', autoport: 'yes', listen: spice.listen },
      el('listen', { type: 'address', address: spice.listen }),
      spice.tuning.map(({ element, attribute, value }) => el(element, { [attribute]: value })),
      spice.secure && spiceChannels.map((name) => el('channel', { name, mode: 'secure' })),
    ),
  spice?.agent === true && el('channel', { type: 'spicevmc' }, el('target', { type: 'virtio', name: 'com.redhat.spice.0' })),
];
