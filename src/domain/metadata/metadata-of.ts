import type { Instance } from '../instance.ts';
import { ec2Id, ec2NumberOf, type InstanceMetadata } from './instance-metadata.ts';
import { taggedDevices, type PlacedDevice } from './tagged-devices.ts';

/** What the record of an instance does not hold. */
export interface MetadataContext {
  /** `[api] dhcp_domain`. */
  readonly domain: string;
  /** The file of `vendordata_jsonfile_path`; null when StaticJSON is off. */
  readonly vendorData: Readonly<Record<string, unknown>> | null;
  readonly adminPass: string | null;
  /** See `storedPassword`. */
  readonly password: string;
  /** Where its devices are, as far as somebody knows. */
  readonly placed?: readonly PlacedDevice[];
  readonly dedicatedCpus?: readonly number[];
  readonly dynamicVendorData?: Readonly<Record<string, unknown>>;
}

const partOfImage = (kind: 'aki' | 'ari', id: string | undefined): string | null =>
  id === undefined || id === '' ? null : ec2Id(kind, ec2NumberOf(id));

/** What a guest may learn of itself, from its instance. */
export function metadataOf(instance: Instance, context: MetadataContext): InstanceMetadata {
  const { image } = instance;
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
    imageId: image?.id ?? null,
    ec2Ids: {
      instance: ec2Id('i', instance.rowId ?? 0),
      image: ec2Id('ami', image === null ? 0 : ec2NumberOf(image.id)),
      kernel: partOfImage('aki', image?.properties['kernel_id']),
      ramdisk: partOfImage('ari', image?.properties['ramdisk_id']),
    },
    metadata: instance.metadata,
    publicKey: instance.publicKey,
    userData: instance.userData,
    securityGroups: instance.securityGroups,
    rootDeviceName: instance.rootDeviceName,
    blockDevices: instance.blockDevices,
    networkInfo: instance.networkInfo,
    devices: taggedDevices(instance, context.placed ?? []),
    dedicatedCpus: context.dedicatedCpus ?? [],
    files: instance.files ?? [],
    adminPass: context.adminPass,
    password: context.password,
    vendorData: { static: context.vendorData, dynamic: context.dynamicVendorData ?? {} },
  };
}
