import type { ColumnType, Generated } from 'kysely';
import type { VolumeStatus, SnapshotStatus, VolumeAttachment, Connector } from '../../clients/volume.ts';
import type { Database, Executor } from '../../lib/sql/database.ts';
import type { TaskKind } from './tasks/task.ts';

/** Read as ISO 8601 text. */
type Moment = ColumnType<string, Date, Date>;
type Json<T> = ColumnType<T, string, string>;
type Texts = Readonly<Record<string, string>>;

/** How volumes of an encrypted type are encrypted. */
export interface EncryptionSpec {
  readonly id: string;
  readonly provider: string;
  readonly cipher: string;
  /** Bits. */
  readonly keySize: number;
  readonly controlLocation: 'front-end' | 'back-end';
}

/** Rows of the volume service's database; they do not leave `store/`. */
export interface VolumeTables {
  volumes: {
    id: string;
    project_id: string;
    user_id: string;
    name: string | null;
    description: string | null;
    status: VolumeStatus;
    /** Where a passing status goes back to. */
    previous_status: VolumeStatus | null;
    size: number;
    type_id: string;
    availability_zone: string;
    bootable: boolean;
    multiattach: boolean;
    readonly: boolean | null;
    encryption_key_id: string | null;
    encryption: Json<EncryptionSpec | null>;
    snapshot_id: string | null;
    source_volume_id: string | null;
    metadata: Json<Texts>;
    image_metadata: Json<Texts>;
    idempotency_key: string | null;
    created_at: Moment;
    updated_at: Moment;
  };
  snapshots: {
    id: string;
    volume_id: string;
    project_id: string;
    user_id: string;
    name: string | null;
    description: string | null;
    status: SnapshotStatus;
    size: number;
    metadata: Json<Texts>;
    idempotency_key: string | null;
    created_at: Moment;
    updated_at: Moment;
  };
  attachments: {
    id: string;
    volume_id: string;
    server_id: string | null;
    status: VolumeAttachment['status'];
    mode: 'rw' | 'ro' | null;
    wanted_mode: 'rw' | 'ro' | null;
    connector: ColumnType<Connector | null, string | null, string | null>;
    device: string | null;
    idempotency_key: string | null;
    attached_at: ColumnType<string | null, Date | null, Date | null>;
    created_at: Moment;
    updated_at: Moment;
  };
  volume_types: {
    id: string;
    name: string;
    description: string | null;
    is_public: boolean;
    extra_specs: Json<Texts>;
    encryption: Json<EncryptionSpec | null>;
    qos_specs_id: string | null;
    created_at: Moment;
    updated_at: Moment;
  };
  volume_type_projects: { type_id: string; project_id: string };
  qos_specs: { id: string; name: string; consumer: 'front-end' | 'back-end' | 'both'; specs: Json<Texts>; created_at: Moment };
  /** `scope` is a project, or `class:default`. */
  quota_limits: { scope: string; resource: string; hard_limit: number };
  transfers: {
    id: string;
    volume_id: string;
    name: string | null;
    project_id: string;
    key_hash: string;
    created_at: Moment;
  };
  tasks: {
    id: Generated<number>;
    kind: TaskKind;
    subject: string;
    params: Json<Readonly<Record<string, unknown>>>;
    attempts: number;
    not_before: Moment;
    created_at: Moment;
  };
}

export type VolumeDatabase = Database<VolumeTables>;
export type VolumeExecutor = Executor<VolumeTables>;
