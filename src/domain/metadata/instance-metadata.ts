import type { BlockDevice } from '../instance.ts';
import type { NetworkInfo } from '../network-info.ts';

/** A device the guest can recognise by its address, as its driver recorded it. Null where the driver does not know. */
export type GuestDevice = {
  /** `pci`, `usb`, `scsi`, `ide`, `xen`; null prints as `none`. */
  readonly bus: string | null;
  /** Such as `0000:00:03.0`; null prints as `none`. */
  readonly address: string | null;
  readonly tags: readonly string[];
} & (
  | { readonly type: 'nic'; readonly mac: string; readonly vlan: number | null; readonly vfTrusted: boolean | null }
  | { readonly type: 'disk'; readonly serial: string | null; readonly path: string | null }
  | { readonly type: 'share'; readonly shareId: string; readonly tag: string }
);

/** What operators add for all their guests. */
export interface VendorData {
  /** The file of `vendordata_jsonfile_path`, `{}` without one; null when the StaticJSON provider is off. */
  readonly static: Readonly<Record<string, unknown>> | null;
  /** The answers of the targets of DynamicJSON, by their names. */
  readonly dynamic: Readonly<Record<string, unknown>>;
}

/**
 * Everything a guest may learn of itself, as plain JSON: what the metadata service and the config drive are rendered from.
 * The host writes the config drive from the copy in its order; the metadata service finds its own through a `MetadataSource`.
 */
export interface InstanceMetadata {
  readonly instanceId: string;
  readonly projectId: string;
  readonly name: string;
  /** Without domain. */
  readonly hostname: string;
  /** `[api] dhcp_domain`: stands after the host name; empty appends nothing. */
  readonly domain: string;
  readonly launchIndex: number;
  readonly reservationId: string;
  readonly availabilityZone: string | null;
  readonly flavorName: string;
  /** Null for one that boots from a volume. */
  readonly imageId?: string | null;
  /** What EC2 calls the instance and its images: see `ec2Id`. */
  readonly ec2Ids: { readonly instance: string; readonly image: string; readonly kernel: string | null; readonly ramdisk: string | null };
  readonly metadata: Readonly<Record<string, string>>;
  readonly publicKey: { readonly name: string; readonly type: string; readonly data: string } | null;
  /** Base64, as it was sent. */
  readonly userData: string | null;
  readonly securityGroups: readonly string[];
  /** Such as `/dev/vda`. */
  readonly rootDeviceName: string | null;
  readonly blockDevices: readonly BlockDevice[];
  readonly networkInfo: NetworkInfo;
  readonly devices: readonly GuestDevice[];
  /** Numbers of the guest's processors that are pinned. */
  readonly dedicatedCpus: readonly number[];
  /** Injected files, contents in base64; they stand on the config drive only. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  /** Stands on the config drive only, and only when the driver hands it over. */
  readonly adminPass: string | null;
  /** What the guest posted as its encrypted password; empty before it did. */
  readonly password: string;
  readonly vendorData: VendorData;
}

/** An id as EC2 writes it: `ec2Id('i', 17)` is `i-00000011`. */
export const ec2Id = (prefix: 'i' | 'ami' | 'aki' | 'ari', number: number): string => `${prefix}-${number.toString(16).padStart(8, '0')}`;

/** A stable number for a thing that has none, from its UUID: EC2 ids of images are made of it. */
export const ec2NumberOf = (uuid: string): number => Number.parseInt(uuid.replaceAll('-', '').slice(0, 8), 16);
