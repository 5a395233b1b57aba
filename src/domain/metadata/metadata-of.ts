import type { Instance } from '../instance.ts';
import { ec2Id, ec2NumberOf, type InstanceMetadata } from './instance-metadata.ts';

/** What a guest may learn of itself, from its instance. */
export function metadataOf(
  instance: Instance,
  context: { readonly domain: string; readonly vendorData: Readonly<Record<string, unknown>>; readonly adminPass: string | null; readonly password: string },
): InstanceMetadata {
  const imageNumber = (id: string | undefined): string => ec2Id('ami', id === undefined ? 0 : ec2NumberOf(id));
  const ramdisk = (kind: 'aki' | 'ari', id: string | undefined): string | null => (id === undefined ? null : ec2Id(kind, ec2NumberOf(id)));
  return {
    instanceId: instance.id,
    projectId: instance.projectId,
    name: instance.name,
    hostname: instance.hostname,
    domain: context.domain,
    launchIndex: instance.launchIndex,
    reservationId: instance.reservationId,
    availabilityZone: instance.availabilityZone,
    flavorName: instance.flavor.name,
    ec2Ids: {
      instance: ec2Id('i', instance.rowId ?? 0),
      image: imageNumber(instance.image?.id),
      kernel: ramdisk('aki', instance.image?.properties['kernel_id']),
      ramdisk: ramdisk('ari', instance.image?.properties['ramdisk_id']),
    },
    metadata: instance.metadata,
    publicKey: instance.publicKey,
    userData: instance.userData,
    securityGroups: instance.securityGroups,
    rootDeviceName: instance.rootDeviceName,
    blockDevices: instance.blockDevices,
    networkInfo: instance.networkInfo,
    devices: [],
    dedicatedCpus: [],
    files: [],
    adminPass: context.adminPass,
    password: context.password,
    vendorData: { static: context.vendorData, dynamic: {} },
  };
}
