import type { Connector, SnapshotStatus, VolumeAttachment, VolumeStatus } from '../../clients/volume.ts';
import { internal } from '../../lib/errors.ts';
import type { Cipher, StoredVolume } from './backends/backend.ts';
import type { EncryptionSpec } from './tables.ts';

type Texts = Readonly<Record<string, string>>;

/** A volume as the service knows it. */
export interface VolumeRecord {
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: VolumeStatus;
  readonly previousStatus: VolumeStatus | null;
  /** GiB. */
  readonly size: number;
  readonly typeId: string;
  readonly typeName: string;
  readonly availabilityZone: string;
  readonly bootable: boolean;
  readonly multiattach: boolean;
  /** Null until somebody has said. */
  readonly readonly: boolean | null;
  readonly encryptionKeyId: string | null;
  readonly encryption: EncryptionSpec | null;
  readonly snapshotId: string | null;
  readonly sourceVolumeId: string | null;
  readonly metadata: Texts;
  readonly imageMetadata: Texts;
  readonly attachments: readonly AttachmentRecord[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface AttachmentRecord {
  readonly id: string;
  readonly volumeId: string;
  readonly serverId: string | null;
  readonly status: VolumeAttachment['status'];
  readonly mode: 'rw' | 'ro' | null;
  readonly wantedMode: 'rw' | 'ro' | null;
  readonly connector: Connector | null;
  readonly device: string | null;
  readonly attachedAt: string | null;
  readonly createdAt: string;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly volumeId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: SnapshotStatus;
  readonly size: number;
  readonly metadata: Texts;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface TypeRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly isPublic: boolean;
  readonly extraSpecs: Texts;
  readonly encryption: EncryptionSpec | null;
  readonly qosSpecsId: string | null;
}

/** A volume as far as its bytes are concerned. */
export const storedVolume = (volume: Pick<VolumeRecord, 'id' | 'size' | 'encryptionKeyId' | 'encryption'>): StoredVolume => ({
  id: volume.id,
  size: volume.size,
  keyId: volume.encryptionKeyId,
  cipher: volume.encryption === null ? null : cipherOf(volume.encryption),
});

/** What a cipher's name and a key's size mean; null for what cannot be served. */
export function readCipher(cipher: string, keySize: number): Cipher | null {
  const algorithm = ({ 128: 'aes-128', 256: 'aes-256', 512: 'aes-256' } as const)[keySize];
  return cipher !== 'aes-xts-plain64' || algorithm === undefined ? null : { algorithm };
}

function cipherOf({ cipher, keySize }: EncryptionSpec): Cipher {
  const read = readCipher(cipher, keySize);
  if (read === null) throw internal(`The cipher ${cipher} with keys of ${keySize} bits cannot be used.`);
  return read;
}

/** A type that says `multiattach: "<is> True"` allows several servers at once. */
export const allowsMultiattach = ({ extraSpecs }: Pick<TypeRecord, 'extraSpecs'>): boolean =>
  /^<is>\s*true$/i.test(extraSpecs['multiattach'] ?? '');

/** Attachments whose servers have been told where the volume is. */
export const isConnected = ({ connector }: AttachmentRecord): boolean => connector !== null;

/** What the volume's status is while it has these attachments and nothing else is done to it. */
export function statusFor(attachments: readonly AttachmentRecord[]): VolumeStatus {
  const has = (status: AttachmentRecord['status']): boolean => attachments.some((each) => each.status === status);
  if (has('attached')) return 'in-use';
  if (has('attaching')) return 'attaching';
  return has('reserved') ? 'reserved' : 'available';
}

/** `2026-11-20T08:30:00.000000`, as Cinder writes times. */
export const formatTime = (moment: string): string => moment.replace(/Z$/, '');
