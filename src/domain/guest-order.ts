import type { BlockDevice, InstanceFlavor, InstanceImage } from './instance.ts';
import type { InstanceMetadata } from './metadata/instance-metadata.ts';
import type { NetworkInfo } from './network-info.ts';

/** Everything a host needs to make (or make again) a guest, so that it never has to ask a database. */
export interface GuestOrder {
  readonly instanceId: string;
  /** The guest's name on the hypervisor. */
  readonly name: string;
  readonly node: string;
  readonly projectId: string;
  readonly userId: string;
  readonly projectName: string | null;
  readonly userName: string | null;
  readonly displayName: string;
  readonly hostname: string;
  readonly flavor: InstanceFlavor;
  readonly image: InstanceImage | null;
  /** Of the image, or of the volume it boots from. */
  readonly imageProperties: Readonly<Record<string, string>>;
  readonly blockDevices: readonly BlockDevice[];
  readonly networkInfo: NetworkInfo;
  readonly configDrive: boolean;
  /** What the config drive holds; the same the metadata service shows. */
  readonly metadata: InstanceMetadata;
  readonly createdAt: string;
}
