import type { Caller } from '../../lib/http/caller.ts';
import type { PolicyTarget } from '../../lib/policy/policy.ts';

/**
 * queued ──PUT file──▶ saving ──▶ active ◀──▶ deactivated
 *   └──PUT stage──▶ uploading ──import──▶ importing ──▶ active
 * A transfer that fails goes back to where it began.
 */
export type ImageStatus = 'queued' | 'saving' | 'uploading' | 'importing' | 'active' | 'deactivated';
export type Visibility = 'public' | 'private' | 'shared' | 'community';
export type MemberStatus = 'pending' | 'accepted' | 'rejected';

/** What is known of an image's data once it is stored. */
export interface StoredData {
  readonly size: number;
  readonly virtualSize: number | null;
  /** MD5, in hexadecimal. */
  readonly checksum: string;
  readonly sha512: string;
}

/** What a user may set of an image. */
export interface ImageAttributes {
  readonly name: string | null;
  readonly visibility: Visibility;
  readonly owner: string | null;
  readonly protected: boolean;
  readonly hidden: boolean;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  /** GiB. */
  readonly minDisk: number;
  /** MiB. */
  readonly minRam: number;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** An image as the service knows it. */
export interface ImageRecord extends ImageAttributes {
  readonly id: string;
  readonly status: ImageStatus;
  /** Null until there is any. */
  readonly data: StoredData | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The caller's own share of it, where it was shared with the caller's project. */
  readonly membership: MemberStatus | null;
}

export interface ImageMember {
  readonly imageId: string;
  readonly memberId: string;
  readonly status: MemberStatus;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Whether a caller may know that the image exists. */
export const isVisibleTo = (image: ImageRecord, caller: Caller, isAdmin: boolean): boolean =>
  isAdmin ||
  image.visibility === 'public' ||
  image.visibility === 'community' ||
  (image.owner !== null && image.owner === caller.projectId) ||
  (image.visibility === 'shared' && image.membership !== null);

/** What policy rules are asked about. */
export const targetOf = (image: ImageRecord, caller: Caller): PolicyTarget => ({
  project_id: image.owner,
  owner: image.owner,
  visibility: image.visibility,
  member_id: image.visibility === 'shared' && image.membership !== null ? caller.projectId : null,
});

/** `2026-11-20T08:30:00Z`, as Glance writes times. */
export const formatTime = (moment: string): string => `${moment.slice(0, 19)}Z`;
