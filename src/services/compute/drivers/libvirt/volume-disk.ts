import { invalid, unsupported } from '../../../../lib/errors.ts';
import { defineSecret, findSecret, setSecretValue, undefineSecret, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import { el, toXml, type XmlElement } from '../../../../lib/xml/build.ts';
import { findAll, textAt } from '../../../../lib/xml/query.ts';
import type { DiskBus, VolumeSpec } from '../driver.ts';
import type { PluggedDevice } from './plugging.ts';

/** A volume where the layout has put it. */
export interface PlacedVolume {
  readonly volume: VolumeSpec;
  readonly bus: DiskBus;
  /** Such as `vdb`. */
  readonly target: string;
}

/** A volume as a disk of a domain: an NBD export, decrypted by the guest's own QEMU when it is encrypted. */
export function volumeElement({ volume, bus, target }: PlacedVolume): XmlElement {
  const connection = connectionOf(volume);
  const { transport, encryption, qos } = connection;
  const tune = Object.entries(qos);
  return el(
    'disk',
    { type: 'network', device: volume.device },
    el('driver', { name: 'qemu', type: connection.format, cache: 'none', discard: connection.discard ? 'unmap' : null }),
    el(
      'source',
      { protocol: 'nbd', name: connection.exportName, tls: transport.kind === 'tcp' && transport.tls ? 'yes' : null },
      transport.kind === 'unix'
        ? el('host', { transport: 'unix', socket: transport.socket })
        : el('host', { name: transport.host, port: transport.port }),
      encryption !== null && el('encryption', { format: 'luks' }, el('secret', { type: 'passphrase', uuid: volume.volumeId })),
    ),
    el('target', { dev: target, bus }),
    (connection.accessMode === 'ro' || volume.device === 'cdrom') && el('readonly'),
    volume.shareable && el('shareable'),
    tune.length > 0 &&
      el(
        'iotune',
        {},
        tune.map(([name, value]) => el(name, {}, value)),
      ),
    el('serial', {}, volume.volumeId),
  );
}

/** How a volume is found among the devices of a domain. */
export const pluggedVolume = (volumeId: string): PluggedDevice => ({
  called: `volume ${volumeId}`,
  findIn: (domain) => findAll(domain, 'devices/disk').find((disk) => textAt(disk, 'serial') === volumeId),
});

/** Gives libvirt what opens an encrypted volume. It keeps it in memory only, and shows it to nobody. */
export async function keepPassphrase(client: LibvirtClient, volume: VolumeSpec): Promise<void> {
  const { encryption } = connectionOf(volume);
  if (encryption === null) return;
  const xml = el(
    'secret',
    { ephemeral: 'yes', private: 'yes' },
    el('uuid', {}, volume.volumeId),
    el('usage', { type: 'volume' }, el('volume', {}, volume.volumeId)),
  );
  await setSecretValue(client, await defineSecret(client, toXml(xml)), Buffer.from(encryption.passphrase));
}

/** Succeeds when there is none. */
export async function forgetPassphrase(client: LibvirtClient, volumeId: string): Promise<void> {
  const secret = await findSecret(client, volumeId);
  if (secret !== null) await undefineSecret(client, secret);
}

function connectionOf({ volumeId, connection }: VolumeSpec): NonNullable<VolumeSpec['connection']> {
  if (connection === null) throw unsupported(`This host cannot connect volume ${volumeId}: it knows NBD exports only.`);
  if (connection.transport.kind === 'unix' && !connection.transport.socket.startsWith('/'))
    throw invalid(`The connection of volume ${volumeId} names no socket.`);
  return connection;
}
