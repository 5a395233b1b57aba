import type { Session } from './session.ts';

/**
 * creating ─▶ available ─▶ reserved ─▶ attaching ─▶ in-use ─▶ detaching ─▶ available
 * `error*` ends what went wrong; `maintenance`, `downloading`, `uploading`, `extending`, `retyping`, `reverting`, `awaiting-transfer` and
 * `backing-up`, `restoring-backup` are passed through and go back to where they began.
 */
export type VolumeStatus =
  | 'creating'
  | 'available'
  | 'reserved'
  | 'attaching'
  | 'in-use'
  | 'detaching'
  | 'deleting'
  | 'downloading'
  | 'uploading'
  | 'extending'
  | 'retyping'
  | 'reverting'
  | 'maintenance'
  | 'awaiting-transfer'
  | 'backing-up'
  | 'restoring-backup'
  | 'error'
  | 'error_deleting'
  | 'error_extending'
  | 'error_restoring'
  | 'error_managing';

export type SnapshotStatus = 'creating' | 'available' | 'deleting' | 'error' | 'error_deleting' | 'backing-up' | 'restoring' | 'unmanaging';

/** One use of a volume by a server, as a volume lists it. */
export interface VolumeUse {
  readonly attachmentId: string;
  readonly serverId: string | null;
  /** Null where the session may not know it. */
  readonly hostName: string | null;
  readonly device: string | null;
  readonly attachedAt: string | null;
}

/** A volume (Cinder v3), as far as compute needs it. */
export interface Volume {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: VolumeStatus;
  /** GiB. */
  readonly size: number;
  readonly bootable: boolean;
  readonly multiattach: boolean;
  readonly encrypted: boolean;
  readonly availabilityZone: string;
  /** The project that owns it; null where the session may not know it. */
  readonly projectId: string | null;
  /** Name of its type. */
  readonly volumeType: string | null;
  readonly snapshotId: string | null;
  readonly sourceVolumeId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What it keeps of the image it was made from: `image_id`, `image_name`, `min_disk`, `hw_disk_bus`, …; empty when it was made from none. */
  readonly imageMetadata: Readonly<Record<string, string>>;
  readonly uses: readonly VolumeUse[];
  /** Set while the volume service moves the volume elsewhere; null otherwise, and where the session may not know it. */
  readonly migrationStatus: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** What a volume is made of: at most one source. */
export interface NewVolume {
  /** GiB. */
  readonly size: number;
  readonly name?: string;
  readonly description?: string;
  /** Name or id; the cloud's default when left out. */
  readonly volumeType?: string;
  readonly availabilityZone?: string;
  readonly imageId?: string;
  readonly snapshotId?: string;
  readonly sourceVolumeId?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * The project it shall belong to, when that is not the session's own. Only our own volume service allows this, to sessions with the role
   * `service` or `admin`; against another Cinder `create` throws `unsupported` and leaves nothing behind: use a session of the project's user there.
   */
  readonly projectId?: string;
}

export interface VolumeSnapshot {
  readonly id: string;
  readonly name: string | null;
  readonly status: SnapshotStatus;
  readonly volumeId: string;
  /** GiB, of the volume when it was taken. */
  readonly size: number;
  readonly projectId: string | null;
  /** `42%`. */
  readonly progress: string | null;
  readonly description: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** Who connects: the host's own name decides whether it is served on this machine or over the network. */
export interface Connector {
  readonly host: string;
  /** Under which the host reaches the storage network. */
  readonly ip: string;
  readonly platform?: string;
  readonly os_type?: string;
  readonly initiator?: string;
  readonly multipath?: boolean;
  readonly mountpoint?: string;
  readonly mode?: 'rw' | 'ro';
  /** False for a hypervisor that does not connect again: its connections are not to be cut under a guest, not for growing either. */
  readonly reconnects?: boolean;
}

/** How the hypervisor decrypts a volume. The bytes behind the connection are a LUKS container: give it to the guest with `<encryption format='luks'>`. */
export interface VolumeEncryption {
  readonly provider: 'luks';
  readonly cipher: string;
  /** Bits. */
  readonly keySize: number;
  readonly controlLocation: 'front-end';
  readonly keyId: string;
  /** What opens the container, as text. A secret: never logged, never in an argument, never stored by whoever asked. */
  readonly passphrase: string;
}

/** Limits of one disk in libvirt's `<iotune>` names (`total_bytes_sec`, `read_iops_sec`, …). */
export type VolumeQos = Readonly<Record<string, number>>;

/** What our own volume service answers: an NBD export for this one attachment. It ends when the attachment is deleted. */
export interface NbdConnection {
  readonly driverVolumeType: 'nbd';
  readonly data: {
    /**
     * `unix`: on the connector's own host; `socket` is the path, accessible to root and to the account of guests (`<host transport='unix' socket='…'/>`).
     * `tcp`: over the network; `host` and `port` (`<host name='…' port='…'/>`), and `tls` where the client must show a certificate (`<source tls='yes'>`).
     */
    readonly transport:
      | { readonly kind: 'unix'; readonly socket: string }
      | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: boolean };
    /** Name of the export (`<source protocol='nbd' name='…'>`): the attachment's id. */
    readonly exportName: string;
    /** What passes over the connection: always the plain bytes of the disk (of the LUKS container when encrypted). */
    readonly format: 'raw';
    readonly accessMode: 'rw' | 'ro';
    readonly volumeId: string;
    /** Bytes of the export. */
    readonly bytes: number;
    /** Seconds a guest should wait for the export to come back before it reports an I/O error (`<reconnect delay='…'/>`). */
    readonly reconnectSeconds: number;
    readonly discard: boolean;
    readonly qos: VolumeQos;
    /** Null unless the volume is encrypted. */
    readonly encryption: VolumeEncryption | null;
  };
}

/** What another Cinder answers, word for word; whether a driver can connect it is the driver's to say. */
export interface ForeignConnection {
  readonly driverVolumeType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type ConnectionInfo = NbdConnection | ForeignConnection;

export const isNbdConnection = (info: ConnectionInfo): info is NbdConnection =>
  info.driverVolumeType === 'nbd' && 'exportName' in info.data;

/** One attachment (API 3.27): reserved ─ connector ─▶ attaching ─ complete ─▶ attached. */
export interface VolumeAttachment {
  readonly id: string;
  readonly volumeId: string;
  readonly serverId: string | null;
  readonly status: 'reserved' | 'attaching' | 'attached' | 'detached' | 'error_attaching' | 'error_detaching' | 'deleted';
  readonly mode: 'rw' | 'ro' | null;
  /** Null until a connector was given, and where the session may not know it: only sessions with the role `service` or `admin` may. */
  readonly connection: ConnectionInfo | null;
}

/** An attachment in a list: how it is connected, passphrase and all, is told of one alone. */
export type ListedAttachment = Omit<VolumeAttachment, 'mode' | 'connection'>;

export interface NewAttachment {
  readonly volumeId: string;
  readonly serverId: string;
  /** With one the answer already holds the connection. */
  readonly connector?: Connector;
  /** What the guest may do with it. Default `rw`; a volume that is read-only is attached `ro` whatever is asked. */
  readonly mode?: 'rw' | 'ro';
}

/** Where a request may be repeated: our own service answers a repeated key with what the first request made. Other Cinders ignore it. */
export interface Repeatable {
  readonly idempotencyKey?: string;
}

/** Absolute limits of a project; null is unlimited. */
export interface VolumeLimits {
  readonly volumes: { readonly limit: number | null; readonly used: number };
  readonly gigabytes: { readonly limit: number | null; readonly used: number };
  readonly snapshots: { readonly limit: number | null; readonly used: number };
}

/**
 * The volume service of the catalog (`volumev3`): ours, or a Cinder of Xena (API 3.67) or later.
 * Refusals are KilonovaErrors: `notFound` for what the session may not see, `invalid` for a status that does not allow it (Cinder says 400), `quota`,
 * `conflict`, `unavailable`. Long work goes on after its answer: watch the status by `show`.
 */
export interface VolumeClient {
  show(session: Session, volumeId: string): Promise<Volume>;
  /** All of them, with Cinder's own filter names (`status`, `name`, `all_tenants`, …). */
  list(session: Session, query?: Readonly<Record<string, string>>): Promise<readonly Volume[]>;
  /** Answers at once, in status `creating`; it is `available` or `error` later. */
  create(session: Session, volume: NewVolume, options?: Repeatable): Promise<Volume>;
  /** Asks for the deletion (with its snapshots when `cascade`). Succeeds when the volume is already gone. */
  delete(session: Session, volumeId: string, options?: { readonly cascade?: boolean }): Promise<void>;
  /** Grows it to so many GiB; when it is attached, compute is told by the event `volume-extended`. */
  extend(session: Session, volumeId: string, size: number): Promise<void>;
  /** Writes the image over the volume's content; compute is told by the event `volume-reimaged`. */
  reimage(session: Session, volumeId: string, imageId: string, options?: { readonly reserved?: boolean }): Promise<void>;

  /** in-use → detaching, so that nobody else begins to detach it. */
  beginDetaching(session: Session, volumeId: string): Promise<void>;
  /** detaching → in-use, when the detach failed. Succeeds when the volume is gone. */
  rollDetaching(session: Session, volumeId: string): Promise<void>;

  snapshot(session: Session, snapshotId: string): Promise<VolumeSnapshot>;
  /** All of them. */
  snapshots(session: Session): Promise<readonly VolumeSnapshot[]>;
  /** Of a volume that may be in use: what is on its disk at that moment. */
  createSnapshot(
    session: Session,
    snapshot: {
      readonly volumeId: string;
      readonly name: string;
      readonly description?: string;
      readonly metadata?: Readonly<Record<string, string>>;
    },
    options?: Repeatable,
  ): Promise<VolumeSnapshot>;
  /** Succeeds when the snapshot is already gone. */
  deleteSnapshot(session: Session, snapshotId: string): Promise<void>;

  attachment(session: Session, attachmentId: string): Promise<VolumeAttachment>;
  /** Those of a volume or of a server; all, when neither is named. */
  attachments(session: Session, of: { readonly volumeId?: string; readonly serverId?: string }): Promise<readonly ListedAttachment[]>;
  /** Reserves the volume for a server; with a connector it also connects it. The saga's first step: undo is `deleteAttachment`. */
  createAttachment(session: Session, attachment: NewAttachment, options?: Repeatable): Promise<VolumeAttachment>;
  /** Connects: answers the connection. Again with the same connector: the same answer. */
  connectAttachment(session: Session, attachmentId: string, connector: Connector): Promise<VolumeAttachment>;
  /** The guest has the disk: the volume is in-use. */
  completeAttachment(session: Session, attachmentId: string): Promise<void>;
  /** Ends the connection and frees the volume. Succeeds when the attachment or its volume is already gone. */
  deleteAttachment(session: Session, attachmentId: string): Promise<void>;

  /** Of the session's own project. */
  limits(session: Session): Promise<VolumeLimits>;
  /** Names of the zones that volumes may be in. */
  availabilityZones(session: Session): Promise<readonly string[]>;
}
