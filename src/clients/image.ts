import type { Readable } from 'node:stream';
import type { Session } from './session.ts';

/** An image as the image service (Glance v2) describes it. */
export interface Image {
  readonly id: string;
  readonly name: string | null;
  readonly status: 'queued' | 'saving' | 'uploading' | 'importing' | 'active' | 'killed' | 'deleted' | 'pending_delete' | 'deactivated';
  readonly visibility: 'public' | 'private' | 'shared' | 'community';
  readonly owner: string | null;
  readonly protected: boolean;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  /** Bytes of the data; null before there is any. */
  readonly size: number | null;
  /** Bytes of the disk it describes. */
  readonly virtualSize: number | null;
  readonly checksum: string | null;
  /** Algorithm and hexadecimal value of the multihash, such as sha512. */
  readonly hash: { readonly algorithm: string; readonly value: string } | null;
  /** MiB of memory a server needs at least. */
  readonly minRam: number;
  /** GiB of root disk a server needs at least. */
  readonly minDisk: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly tags: readonly string[];
  /** Everything else, such as `hw_disk_bus`. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface NewImage {
  readonly id?: string;
  readonly name: string;
  readonly diskFormat: string;
  readonly containerFormat: string;
  readonly visibility?: 'public' | 'private' | 'shared' | 'community';
  readonly minDisk?: number;
  readonly minRam?: number;
  readonly properties?: Readonly<Record<string, string>>;
}

/** The image service. Errors are KilonovaErrors: notFound for an image the session may not see. */
export interface ImageClient {
  show(session: Session, imageId: string): Promise<Image>;
  list(session: Session, query?: Readonly<Record<string, string>>): Promise<readonly Image[]>;
  create(session: Session, image: NewImage): Promise<Image>;
  upload(session: Session, imageId: string, data: Readable, signal?: AbortSignal): Promise<void>;
  /** The data, streamed; the caller checks size and hash. */
  download(session: Session, imageId: string, signal?: AbortSignal): Promise<Readable>;
  /** Sets and removes custom properties, all or none. `forbidden` for what is no property but an attribute of images. */
  changeProperties(
    session: Session,
    imageId: string,
    changes: { readonly set: Readonly<Record<string, string>>; readonly remove: readonly string[] },
  ): Promise<Image>;
  delete(session: Session, imageId: string): Promise<void>;
}
