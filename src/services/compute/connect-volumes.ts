import { isNbdConnection, type Connector } from '../../clients/volume.ts';
import type { BlockDevice } from '../../domain/instance.ts';
import { conflict, unsupported } from '../../lib/errors.ts';
import type { ComputeHost } from './compute-host.ts';
import type { VolumeSpec } from './drivers/driver.ts';
import { readProperty } from './image-properties.ts';

/** Who this host is for the volume service. */
export const connectorOf = ({ host, settings, driver }: Pick<ComputeHost, 'host' | 'settings' | 'driver'>): Connector => ({
  host,
  reconnects: driver.followsVolumes === true,
  ip: settings.DEFAULT.my_block_storage_ip === '' ? settings.DEFAULT.my_ip : settings.DEFAULT.my_block_storage_ip,
});

/** Connects the volumes among these devices to this host. Again: the same connections. The secrets in them stay on this host. */
export const connectVolumes = (
  host: ComputeHost,
  devices: readonly BlockDevice[],
  imageProperties: Readonly<Record<string, string>>,
): Promise<VolumeSpec[]> =>
  Promise.all(
    devices.filter(({ destinationType }) => destinationType === 'volume').map((device) => connectVolume(host, device, imageProperties)),
  );

async function connectVolume(
  host: ComputeHost,
  device: BlockDevice,
  imageProperties: Readonly<Record<string, string>>,
): Promise<VolumeSpec> {
  const { volumeId, attachmentId } = device;
  if (volumeId === null || attachmentId === null)
    throw conflict(`Block device ${device.uuid} has no volume yet that could be connected.`, { code: 'volume-not-reserved' });
  const { connection } = await host.clients.volume.connectAttachment(host.identity.serviceSession, attachmentId, connectorOf(host));
  const real = host.driver.imageFiles !== undefined;
  if (connection === null) throw conflict(`The volume service gave no connection of volume ${volumeId}.`);
  if (real && !isNbdConnection(connection))
    throw unsupported(`This host cannot connect volume ${volumeId} by '${connection.driverVolumeType}': it knows 'nbd'.`);
  const wished = readProperty(device.diskBus === null ? {} : { hw_disk_bus: device.diskBus }).bus('hw_disk_bus');
  return {
    volumeId,
    device: device.deviceType === 'cdrom' ? 'cdrom' : 'disk',
    bus: wished ?? readProperty(imageProperties).bus('hw_disk_bus'),
    target: (device.deviceName ?? '').replace(/^\/dev\//, ''),
    bootIndex: device.bootIndex,
    shareable: device.multiattach === true,
    connection: real && isNbdConnection(connection) ? connection.data : null,
  };
}
