import type { Session } from './session.ts';

/** A share of files, as the shared file system service (Manila v2) describes it. */
export interface Share {
  readonly id: string;
  readonly status: string;
  /** Such as `NFS` or `CEPHFS`. */
  readonly protocol: string;
  /** Where it is mounted from: the preferred path, or the first one; null when there is none. */
  readonly exportLocation: string | null;
}

/** Who may mount a share. */
export interface ShareAccess {
  /** `ip` with an address, or `cephx` with a user. */
  readonly type: 'ip' | 'cephx';
  readonly to: string;
}

/** The shared file system service. Access is given and taken in compute's own name, and locked, so that users do not take it away. */
export interface ShareClient {
  /** As the session sees it; `notFound` for one it may not see. */
  show(session: Session, shareId: string): Promise<Share>;
  /** Lets somebody mount it for reading and writing; succeeds when it is so already. */
  allow(shareId: string, access: ShareAccess): Promise<void>;
  /** Whether it can be mounted by now; null when it was refused. */
  isAllowed(shareId: string, access: ShareAccess): Promise<boolean | null>;
  /** Succeeds when there is no such access, or no such share. */
  deny(shareId: string, access: ShareAccess): Promise<void>;
}
