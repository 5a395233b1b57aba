import type {
  ConnectionInfo,
  ListedAttachment,
  NbdConnection,
  SnapshotStatus,
  Volume,
  VolumeAttachment,
  VolumeSnapshot,
  VolumeStatus,
} from './volume.ts';

/** A volume as Cinder's v3 API writes it. */
export interface WireVolume {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly status: VolumeStatus;
  readonly size: number;
  readonly bootable?: string | boolean;
  readonly multiattach?: boolean;
  readonly encrypted?: boolean;
  readonly availability_zone?: string | null;
  readonly 'os-vol-tenant-attr:tenant_id'?: string | null;
  readonly volume_type?: string | null;
  readonly snapshot_id?: string | null;
  readonly source_volid?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly volume_image_metadata?: Readonly<Record<string, string>>;
  readonly migration_status?: string | null;
  readonly attachments?: readonly {
    readonly attachment_id: string;
    readonly server_id?: string | null;
    readonly host_name?: string | null;
    readonly device?: string | null;
    readonly attached_at?: string | null;
  }[];
  readonly created_at?: string;
}

export interface WireSnapshot {
  readonly id: string;
  readonly name?: string | null;
  readonly status: SnapshotStatus;
  readonly volume_id: string;
  readonly size: number;
  readonly description?: string | null;
  readonly created_at?: string | null;
  readonly 'os-extended-snapshot-attributes:project_id'?: string;
  readonly 'os-extended-snapshot-attributes:progress'?: string;
}

export interface WireAttachment {
  readonly id: string;
  readonly volume_id: string;
  readonly instance?: string | null;
  readonly status: VolumeAttachment['status'];
  readonly attach_mode?: string | null;
  /** Flat: the driver's type stands beside its data. */
  readonly connection_info?: Readonly<Record<string, unknown>>;
}

/** Cinder's times are UTC and do not say so. */
const moment = (text: string | null | undefined): string | null =>
  text === null || text === undefined || text === '' ? null : /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;

export const toVolume = (wire: WireVolume): Volume => ({
  id: wire.id,
  name: wire.name ?? null,
  description: wire.description ?? null,
  status: wire.status,
  size: wire.size,
  bootable: String(wire.bootable ?? 'false').toLowerCase() === 'true',
  multiattach: wire.multiattach ?? false,
  encrypted: wire.encrypted ?? false,
  availabilityZone: wire.availability_zone ?? '',
  projectId: wire['os-vol-tenant-attr:tenant_id'] ?? null,
  volumeType: wire.volume_type ?? null,
  snapshotId: wire.snapshot_id ?? null,
  sourceVolumeId: wire.source_volid ?? null,
  metadata: wire.metadata ?? {},
  imageMetadata: wire.volume_image_metadata ?? {},
  migrationStatus: wire.migration_status ?? null,
  uses: (wire.attachments ?? []).map((use) => ({
    attachmentId: use.attachment_id,
    serverId: use.server_id ?? null,
    hostName: use.host_name ?? null,
    device: use.device ?? null,
    attachedAt: moment(use.attached_at),
  })),
  createdAt: moment(wire.created_at) ?? '',
});

export const toSnapshot = (wire: WireSnapshot): VolumeSnapshot => ({
  id: wire.id,
  name: wire.name ?? null,
  status: wire.status,
  volumeId: wire.volume_id,
  size: wire.size,
  projectId: wire['os-extended-snapshot-attributes:project_id'] ?? null,
  progress: wire['os-extended-snapshot-attributes:progress'] ?? null,
  description: wire.description ?? null,
  createdAt: moment(wire.created_at) ?? '',
});

export const toListedAttachment = (wire: WireAttachment): ListedAttachment => ({
  id: wire.id,
  volumeId: wire.volume_id,
  serverId: wire.instance ?? null,
  status: wire.status,
});

export const toAttachment = (wire: WireAttachment): VolumeAttachment => ({
  ...toListedAttachment(wire),
  mode: wire.attach_mode === 'rw' || wire.attach_mode === 'ro' ? wire.attach_mode : null,
  connection: toConnection(wire.connection_info),
});

function toConnection(flat: WireAttachment['connection_info']): ConnectionInfo | null {
  if (flat === undefined || flat === null || typeof flat['driver_volume_type'] !== 'string') return null;
  const { driver_volume_type: driverVolumeType, ...data } = flat;
  if (driverVolumeType !== 'nbd' || typeof data['export_name'] !== 'string') return { driverVolumeType, data };
  return { driverVolumeType: 'nbd', data: toNbdData(data as unknown as WireNbdData) };
}

/** Keys of our own service's connections. Other drivers' are passed on as they are. */
interface WireNbdData {
  readonly transport: 'unix' | 'tcp';
  readonly socket?: string;
  readonly host?: string;
  readonly port?: number;
  readonly tls?: boolean;
  readonly export_name: string;
  readonly access_mode: 'rw' | 'ro';
  readonly volume_id: string;
  readonly size_bytes: number;
  readonly reconnect_seconds: number;
  readonly discard: boolean;
  readonly qos_specs?: Readonly<Record<string, number>> | null;
  readonly encryption?: {
    readonly provider: 'luks';
    readonly cipher: string;
    readonly key_size: number;
    readonly encryption_key_id: string;
    readonly passphrase: string;
  } | null;
}

function toNbdData(wire: WireNbdData): NbdConnection['data'] {
  const { encryption = null } = wire;
  return {
    transport:
      wire.transport === 'unix'
        ? { kind: 'unix', socket: wire.socket ?? '' }
        : { kind: 'tcp', host: wire.host ?? '', port: wire.port ?? 0, tls: wire.tls ?? false },
    exportName: wire.export_name,
    format: 'raw',
    accessMode: wire.access_mode,
    volumeId: wire.volume_id,
    bytes: wire.size_bytes,
    reconnectSeconds: wire.reconnect_seconds,
    discard: wire.discard,
    qos: wire.qos_specs ?? {},
    encryption:
      encryption === null
        ? null
        : {
            provider: 'luks',
            cipher: encryption.cipher,
            keySize: encryption.key_size,
            controlLocation: 'front-end',
            keyId: encryption.encryption_key_id,
            passphrase: encryption.passphrase,
          },
  };
}

/** The same, as our service writes it. */
export function fromNbdConnection({ data }: NbdConnection): Readonly<Record<string, unknown>> {
  const { transport, encryption } = data;
  return {
    driver_volume_type: 'nbd',
    ...(transport.kind === 'unix'
      ? { transport: 'unix', socket: transport.socket }
      : { transport: 'tcp', host: transport.host, port: transport.port, tls: transport.tls }),
    export_name: data.exportName,
    format: 'raw',
    access_mode: data.accessMode,
    volume_id: data.volumeId,
    size_bytes: data.bytes,
    reconnect_seconds: data.reconnectSeconds,
    discard: data.discard,
    qos_specs: Object.keys(data.qos).length === 0 ? null : data.qos,
    encrypted: encryption !== null,
    encryption:
      encryption === null
        ? null
        : {
            provider: encryption.provider,
            cipher: encryption.cipher,
            key_size: encryption.keySize,
            control_location: encryption.controlLocation,
            encryption_key_id: encryption.keyId,
            passphrase: encryption.passphrase,
          },
  };
}
