import type { InstanceMetadata } from './instance-metadata.ts';
import { has, type Ec2Version } from './metadata-versions.ts';

/** A tree of values; a list prints one line an item. */
export type Ec2Tree = { readonly [key: string]: Ec2Tree | string | number | readonly string[] };

const defaultMapping = { ami: 'sda1', ephemeral0: 'sda2', root: '/dev/sda1', swap: 'sda3' };

/** The `meta-data` of one EC2 version. `requestAddress` stands for the guest's own where it has none. */
export function ec2MetaData(metadata: InstanceMetadata, version: Ec2Version, requestAddress: string): Ec2Tree {
  const since = (first: Ec2Version, entries: Ec2Tree): Ec2Tree => (has(version, first) ? entries : {});
  const { ec2Ids, publicKey, networkInfo } = metadata;
  const hostname = fullHostname(metadata);
  const fixed = networkInfo
    .flatMap(({ subnets }) => subnets.filter((subnet) => subnet.version === 4))
    .flatMap(({ addresses }) => addresses);
  return {
    'ami-id': ec2Ids.image,
    'ami-launch-index': metadata.launchIndex,
    'ami-manifest-path': 'FIXME', // what Nova answers, and clients have read for ever
    hostname,
    'instance-id': ec2Ids.instance,
    'local-ipv4': fixed[0]?.address ?? requestAddress,
    'reservation-id': metadata.reservationId,
    'security-groups': metadata.securityGroups,
    ...(publicKey === null ? {} : { 'public-keys': { 0: { 'openssh-key': publicKey.data } } }),
    ...since('2007-01-19', {
      'local-hostname': hostname,
      'public-hostname': hostname,
      'public-ipv4': fixed.flatMap(({ floating }) => floating)[0] ?? '',
    }),
    ...since('2007-08-29', { 'instance-type': metadata.flavorName }),
    ...since('2007-12-15', {
      'block-device-mapping': blockDeviceMapping(metadata),
      ...(ec2Ids.kernel === null ? {} : { 'kernel-id': ec2Ids.kernel }),
      ...(ec2Ids.ramdisk === null ? {} : { 'ramdisk-id': ec2Ids.ramdisk }),
    }),
    ...since('2008-02-01', { placement: { 'availability-zone': metadata.availabilityZone ?? '' } }),
    ...since('2008-09-01', { 'instance-action': 'none' }),
  };
}

/** With the domain, also behind a name that has dots already. */
export const fullHostname = ({ hostname, domain }: InstanceMetadata): string => (domain === '' ? hostname : `${hostname}.${domain}`);

const numbered = (prefix: string, names: readonly string[]): Ec2Tree => Object.fromEntries(names.map((name, n) => [`${prefix}${n}`, name]));

function blockDeviceMapping({ rootDeviceName, blockDevices }: InstanceMetadata): Ec2Tree {
  if (rootDeviceName === null) return defaultMapping;
  const named = blockDevices.flatMap((device) => (device.deviceName === null ? [] : [{ ...device, name: device.deviceName }]));
  const volumes = named.filter(({ volumeId, snapshotId }) => volumeId !== null || snapshotId !== null).map(({ name }) => name);
  const blank = named.filter(({ sourceType, destinationType }) => sourceType === 'blank' && destinationType === 'local');
  const swap = blank.find(({ guestFormat }) => guestFormat === 'swap');
  return {
    ami: rootDeviceName.replace(/^\/dev\//, ''),
    root: rootDeviceName,
    ...numbered(
      'ebs',
      volumes.toSorted((a, b) => (a < b ? -1 : 1)),
    ),
    ...numbered(
      'ephemeral',
      blank.filter(({ guestFormat }) => guestFormat !== 'swap').map(({ name }) => name),
    ),
    ...(swap === undefined ? {} : { swap: swap.name }),
  };
}
