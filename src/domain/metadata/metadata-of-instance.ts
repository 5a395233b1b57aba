import type { Instance } from '../instance.ts';
import { ec2Id, ec2NumberOf, type GuestDevice, type InstanceMetadata, type VendorData } from './instance-metadata.ts';

/** What an instance's own record does not hold. */
export interface MetadataExtras {
  /** `[api] dhcp_domain`. */
  readonly domain: string;
  readonly vendorData: VendorData;
  readonly devices?: readonly GuestDevice[];
  readonly dedicatedCpus?: readonly number[];
  readonly files?: InstanceMetadata['files'];
  readonly adminPass?: string | null;
}

/** What a guest may learn of the instance it is. */
export function metadataOfInstance(instance: Instance, extras: MetadataExtras): InstanceMetadata {
  const { image } = instance;
  const ec2OfProperty = (prefix: 'aki' | 'ari', key: string): string | null => {
    const id = image?.properties[key];
    return id === undefined || id === '' ? null : ec2Id(prefix, ec2NumberOf(id));
  };
  return {
    instanceId: instance.id,
    projectId: instance.projectId,
    name: instance.name,
    hostname: instance.hostname,
    domain: extras.domain,
    launchIndex: instance.launchIndex,
    reservationId: instance.reservationId,
    availabilityZone: instance.availabilityZone,
    flavorName: instance.flavor.name,
    ec2Ids: {
      instance: ec2Id('i', instance.rowId ?? ec2NumberOf(instance.id)),
      image: ec2Id('ami', image === null ? 0 : ec2NumberOf(image.id)),
      kernel: ec2OfProperty('aki', 'kernel_id'),
      ramdisk: ec2OfProperty('ari', 'ramdisk_id'),
    },
    metadata: instance.metadata,
    publicKey: instance.publicKey,
    userData: instance.userData,
    securityGroups: instance.securityGroups,
    rootDeviceName: instance.rootDeviceName,
    blockDevices: instance.blockDevices,
    networkInfo: instance.networkInfo,
    devices: extras.devices ?? [],
    dedicatedCpus: extras.dedicatedCpus ?? [],
    files: extras.files ?? [],
    adminPass: extras.adminPass ?? null,
    password: storedPassword(instance.systemMetadata),
    vendorData: extras.vendorData,
  };
}

/** The password a guest posted, kept in four pieces of at most 255 characters. */
export const storedPassword = (systemMetadata: Readonly<Record<string, string>>): string =>
  [0, 1, 2, 3].map((n) => systemMetadata[`password_${n}`] ?? '').join('');

/** Those four pieces of a password; empty ones are written too, so that a longer one before leaves nothing behind. */
export const passwordPieces = (password: string): Record<string, string> =>
  Object.fromEntries([0, 1, 2, 3].map((n) => [`password_${n}`, password.slice(n * 255, (n + 1) * 255)]));
