import type { NbdConnection } from '../../../clients/volume.ts';

/** A volume as far as its bytes are concerned. */
export interface StoredVolume {
  readonly id: string;
  /** GiB of the disk a guest sees. */
  readonly size: number;
  /** The key of its LUKS container; null when it is not encrypted. */
  readonly keyId: string | null;
  readonly cipher: Cipher | null;
}

/** How a LUKS container encrypts its sectors: XTS with their numbers as IVs (`aes-xts-plain64`), the one way that is safe for disks. */
export interface Cipher {
  readonly algorithm: 'aes-128' | 'aes-256';
}

/** Where a volume's content comes from. Volumes and snapshots are copied as they lie: an encrypted one only into one with a copy of its key. */
export type Content =
  | { readonly kind: 'blank' }
  /** An examined disk image on this machine. */
  | { readonly kind: 'file'; readonly path: string; readonly format: string }
  | { readonly kind: 'volume'; readonly volume: StoredVolume }
  | { readonly kind: 'snapshot'; readonly volume: StoredVolume; readonly snapshotId: string };

export interface Export {
  /** The attachment's id, and the name of the export. */
  readonly id: string;
  readonly mode: 'rw' | 'ro';
}

/** Asked when it is the volume's turn, so that the answer is not older than the change before. */
export type ExportsNow = () => Promise<readonly Export[]>;

export interface Capacity {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/**
 * Where the bytes of volumes are. Each call may be repeated, also after a crash in its midst, and then ends as if it had been made once. Calls for
 * one volume may come at the same time.
 */
export interface VolumeBackend {
  /** Fails without leaving anything; what was there under this id is replaced. */
  create(volume: StoredVolume, content: Content, signal: AbortSignal): Promise<void>;
  /** Succeeds when it is already gone. */
  remove(volumeId: string): Promise<void>;
  /** Grows it to the size it has now; a guest that uses it is cut off for a moment and connects again. */
  extend(volume: StoredVolume, exports: ExportsNow): Promise<void>;
  /** Copies the content into one with another encryption, beside the first; nobody uses it meanwhile. */
  reencrypt(from: StoredVolume, to: StoredVolume, signal: AbortSignal): Promise<void>;
  /** Drops what is left of other encryptions. */
  keepOnly(volume: StoredVolume): Promise<void>;
  snapshot(volume: StoredVolume, snapshotId: string): Promise<void>;
  /** Succeeds when it is already gone. */
  removeSnapshot(volume: StoredVolume, snapshotId: string): Promise<void>;
  /** Puts the content back, and the size to what the volume has; nobody uses it meanwhile. */
  revert(volume: StoredVolume, snapshotId: string): Promise<void>;
  /** Copies the content into a new file of a disk format, as it is at this moment. */
  copyOut(
    volume: StoredVolume,
    format: 'raw' | 'qcow2' | 'vmdk' | 'vdi' | 'vpc' | 'vhdx',
    path: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes the exports of a volume exactly these; none frees it. Answers where they are, or null where there are none. */
  serve(volume: StoredVolume, exports: ExportsNow): Promise<NbdConnection['data']['transport'] | null>;
  /** Frees a volume nobody knows any more. */
  stopServing(volumeId: string): Promise<void>;
  /** Ids of the volumes that are served now. */
  serving(): Promise<readonly string[]>;
  /** The processes that serve them. */
  servers(): Promise<readonly number[]>;
  /** Why this host cannot be served, or null. */
  reasonAgainst(connectorHost: string): string | null;
  /** Bytes of an export. */
  bytes(volume: StoredVolume): number;
  capacity(): Promise<Capacity>;
  /** Ids of the volumes there are bytes of. */
  volumeIds(): Promise<readonly string[]>;
}
