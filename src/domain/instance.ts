import type { Id } from '../lib/ids.ts';
import type { NetworkInfo } from './network-info.ts';

export type InstanceId = Id<'instance'>;
export type ProjectId = string;
export type UserId = string;

export type VmState =
  | 'building'
  | 'active'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'rescued'
  | 'resized'
  | 'soft-delete'
  | 'deleted'
  | 'error'
  | 'shelved'
  | 'shelved_offloaded';

export type TaskState =
  | 'scheduling'
  | 'block_device_mapping'
  | 'networking'
  | 'spawning'
  | 'image_snapshot_pending'
  | 'image_snapshot'
  | 'image_pending_upload'
  | 'image_uploading'
  | 'image_backup'
  | 'updating_password'
  | 'resize_prep'
  | 'resize_migrating'
  | 'resize_migrated'
  | 'resize_finish'
  | 'resize_reverting'
  | 'resize_confirming'
  | 'rebooting'
  | 'reboot_pending'
  | 'reboot_started'
  | 'rebooting_hard'
  | 'reboot_pending_hard'
  | 'reboot_started_hard'
  | 'pausing'
  | 'unpausing'
  | 'suspending'
  | 'resuming'
  | 'powering-off'
  | 'powering-on'
  | 'rescuing'
  | 'unrescuing'
  | 'rebuilding'
  | 'rebuild_block_device_mapping'
  | 'rebuild_spawning'
  | 'migrating'
  | 'deleting'
  | 'soft-deleting'
  | 'restoring'
  | 'shelving'
  | 'shelving_image_pending_upload'
  | 'shelving_image_uploading'
  | 'shelving_offloading'
  | 'unshelving';

/** What the hypervisor says of a guest, by Nova's numbers (2 and 5 are unused). */
export const powerStates = { noState: 0, running: 1, paused: 3, shutdown: 4, crashed: 6, suspended: 7 } as const;
export type PowerState = (typeof powerStates)[keyof typeof powerStates];

/** A flavor as an instance keeps it: a copy, so that later changes of the flavor do not reach it. */
export interface InstanceFlavor {
  /** The public id. */
  readonly flavorId: string;
  readonly name: string;
  readonly vcpus: number;
  /** MiB. */
  readonly memoryMb: number;
  /** GiB. */
  readonly rootGb: number;
  /** GiB. */
  readonly ephemeralGb: number;
  /** MiB. */
  readonly swapMb: number;
  readonly rxtxFactor: number;
  readonly disabled: boolean;
  readonly isPublic: boolean;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** What an instance keeps of the image it was made from. */
export interface InstanceImage {
  readonly id: string;
  readonly name: string | null;
  readonly diskFormat: string;
  readonly containerFormat: string;
  /** GiB. */
  readonly minDisk: number;
  /** MiB. */
  readonly minRam: number;
  /** Bytes of the data. */
  readonly size: number | null;
  readonly checksum: string | null;
  readonly properties: Readonly<Record<string, string>>;
}

/** The last failure of an instance, as users see it. */
export interface InstanceFault {
  readonly code: number;
  readonly message: string;
  /** For administrators only. */
  readonly details: string | null;
  /** ISO 8601. */
  readonly created: string;
}

/** A disk of an instance, from its block-device mapping. */
export interface BlockDevice {
  readonly uuid: string;
  readonly sourceType: 'image' | 'volume' | 'snapshot' | 'blank';
  readonly destinationType: 'local' | 'volume';
  /** 0 is the root disk; null does not boot. */
  readonly bootIndex: number | null;
  readonly deviceType: string | null;
  readonly diskBus: string | null;
  /** Such as `/dev/vda`. */
  readonly deviceName: string | null;
  readonly guestFormat: string | null;
  /** GiB. */
  readonly volumeSize: number | null;
  readonly imageId: string | null;
  readonly volumeId: string | null;
  readonly snapshotId: string | null;
  readonly volumeType: string | null;
  readonly deleteOnTermination: boolean;
  readonly tag: string | null;
  /** The volume service's attachment; null until the volume is reserved. */
  readonly attachmentId: string | null;
  /** Whether other guests may have the volume at the same time. */
  readonly multiattach?: boolean;
}

/** An instance as the control plane knows it. Dates are ISO 8601 in UTC with milliseconds. */
export interface Instance {
  readonly id: InstanceId;
  /** Row number in its cell, from which its name on the hypervisor is made; null before it is in a cell. */
  readonly rowId: number | null;
  readonly projectId: ProjectId;
  readonly userId: UserId;
  readonly name: string;
  readonly description: string | null;
  readonly hostname: string;
  readonly vmState: VmState;
  readonly taskState: TaskState | null;
  readonly powerState: PowerState;
  readonly host: string | null;
  readonly node: string | null;
  readonly availabilityZone: string | null;
  readonly launchedOn: string | null;
  readonly flavor: InstanceFlavor;
  /** The flavors of a resize under way. */
  readonly oldFlavor: InstanceFlavor | null;
  readonly newFlavor: InstanceFlavor | null;
  /** Null for an instance that boots from a volume. */
  readonly image: InstanceImage | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly systemMetadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly keyName: string | null;
  /** The public key as it was when the instance was made. */
  readonly publicKey: { readonly name: string; readonly type: string; readonly data: string } | null;
  /** Base64, as it was sent. */
  readonly userData: string | null;
  /** Injected files, contents in base64. */
  readonly files?: readonly { readonly path: string; readonly content: string }[];
  readonly configDrive: boolean;
  readonly diskConfig: 'AUTO' | 'MANUAL';
  readonly lockedBy: 'owner' | 'admin' | null;
  readonly lockedReason: string | null;
  readonly accessIpV4: string | null;
  readonly accessIpV6: string | null;
  readonly launchIndex: number;
  readonly reservationId: string;
  readonly rootDeviceName: string | null;
  readonly networkInfo: NetworkInfo;
  readonly blockDevices: readonly BlockDevice[];
  readonly securityGroups: readonly string[];
  readonly fault: InstanceFault | null;
  readonly schedulerHints: Readonly<Record<string, readonly string[]>>;
  readonly trustedCerts: readonly string[] | null;
  /** Grows with each change of owner of what is done to it; hosts refuse commands of an older one. */
  readonly epoch: number;
  readonly progress: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly launchedAt: string | null;
  readonly terminatedAt: string | null;
  readonly deletedAt: string | null;
}

/** Name of the guest on the hypervisor, by the host's `instance_name_template`; empty before the instance is in a cell. */
export function guestName(template: string, instance: Pick<Instance, 'rowId' | 'id'>): string {
  if (instance.rowId === null) return '';
  return template
    .replaceAll(/%(?:\(id\))?(0?)(\d*)([xd])/g, (_, zero: string, width: string, base: string) => {
      const digits = instance.rowId!.toString(base === 'x' ? 16 : 10);
      return digits.padStart(Number(width || 0), zero === '0' ? '0' : ' ');
    })
    .replaceAll('%(uuid)s', instance.id);
}
