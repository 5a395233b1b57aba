import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { BlockDevice, InstanceFault, InstanceFlavor, InstanceImage } from '../domain/instance.ts';
import type { Decision } from '../domain/decision.ts';
import type { NetworkInfo } from '../domain/network-info.ts';
import type { NodeFacts } from '../domain/hosts.ts';
import type { RequestSpec } from '../domain/request-spec.ts';
import type { WireError } from '../lib/errors.ts';
import type { SagaLogLine, SagaWaiting } from '../lib/saga/store.ts';

/** A moment: read as ISO 8601 text in UTC with microseconds, written as such or as a Date. */
type Moment = ColumnType<string, string | Date | undefined, string | Date>;
type MaybeMoment = ColumnType<string | null, string | Date | null | undefined, string | Date | null>;
/** JSON: read as a value, written as text. */
type Json<T> = ColumnType<T, string, string>;
type DefaultedJson<T> = ColumnType<T, string | undefined, string>;
type MaybeJson<T extends object> = JSONColumnType<T | null, string | null | undefined, string | null>;
type Texts = Readonly<Record<string, string>>;

export interface ApiTables {
  flavors: {
    id: Generated<number>;
    flavor_id: string;
    name: string;
    vcpus: number;
    memory_mb: number;
    root_gb: number;
    ephemeral_gb: number;
    swap_mb: number;
    rxtx_factor: number;
    disabled: Generated<boolean>;
    is_public: Generated<boolean>;
    description: string | null;
    extra_specs: DefaultedJson<Texts>;
    created_at: Moment;
    updated_at: MaybeMoment;
  };
  flavor_projects: { flavor_id: number; project_id: string };
  key_pairs: {
    id: Generated<number>;
    user_id: string;
    name: string;
    type: string;
    fingerprint: string;
    public_key: string;
    created_at: Moment;
  };
  server_groups: {
    id: Generated<number>;
    uuid: string;
    name: string;
    project_id: string;
    user_id: string;
    policy: string;
    rules: DefaultedJson<Readonly<Record<string, unknown>>>;
    created_at: Moment;
    updated_at: MaybeMoment;
  };
  server_group_members: { group_id: number; instance_id: string; claimed_host: Generated<string | null>; created_at: Moment };
  quotas: { project_id: string; user_id: Generated<string>; resource: string; hard_limit: number };
  quota_classes: { class_name: string; resource: string; hard_limit: number };
  aggregates: {
    id: Generated<number>;
    uuid: string;
    name: string;
    metadata: DefaultedJson<Texts>;
    created_at: Moment;
    updated_at: MaybeMoment;
  };
  aggregate_hosts: { aggregate_id: number; host: string };
  cells: { id: string; name: string; database_url: string; disabled: Generated<boolean> };
  host_mappings: { host: string; cell_id: string };
  instance_mappings: {
    instance_id: string;
    project_id: string;
    user_id: string;
    cell_id: string;
    queued_for_delete: Generated<boolean>;
    created_at: Moment;
  };
  request_specs: { instance_id: string; spec: Json<RequestSpec> };
  idempotency_keys: {
    key: string;
    fingerprint: string;
    request_id: string;
    intended: Buffer | null;
    answer: Buffer | null;
    held_until: Moment;
    created_at: Moment;
  };
  decisions: { id: string; at: Moment; request_id: string | null; instance_ids: string[]; found: boolean; decision: Json<Decision> };
}

export interface InstanceRow {
  id: Generated<number>;
  uuid: string;
  project_id: string;
  user_id: string;
  name: string;
  description: string | null;
  hostname: string;
  vm_state: string;
  task_state: string | null;
  power_state: Generated<number>;
  host: string | null;
  node: string | null;
  availability_zone: string | null;
  launched_on: string | null;
  flavor_id: string;
  vcpus: number;
  memory_mb: number;
  root_gb: number;
  ephemeral_gb: number;
  flavor: Json<InstanceFlavor>;
  old_flavor: MaybeJson<InstanceFlavor>;
  new_flavor: MaybeJson<InstanceFlavor>;
  image_id: string | null;
  image: MaybeJson<InstanceImage>;
  metadata: DefaultedJson<Texts>;
  system_metadata: DefaultedJson<Texts>;
  tags: Generated<string[]>;
  key_name: string | null;
  public_key: MaybeJson<{ name: string; type: string; data: string }>;
  user_data: string | null;
  files: DefaultedJson<readonly { readonly path: string; readonly content: string }[]>;
  config_drive: Generated<boolean>;
  disk_config: Generated<string>;
  locked_by: string | null;
  locked_reason: string | null;
  access_ip_v4: string | null;
  access_ip_v6: string | null;
  launch_index: Generated<number>;
  reservation_id: string;
  root_device_name: string | null;
  network_info: DefaultedJson<NetworkInfo>;
  addresses: Generated<string[]>;
  block_devices: DefaultedJson<readonly BlockDevice[]>;
  security_groups: Generated<string[]>;
  fault: MaybeJson<InstanceFault>;
  scheduler_hints: DefaultedJson<Readonly<Record<string, readonly string[]>>>;
  trusted_certs: MaybeJson<readonly string[]>;
  epoch: Generated<number>;
  progress: Generated<number>;
  /** Read from the properties of the image; empty without one. */
  kernel_id: ColumnType<string, never, never>;
  ramdisk_id: ColumnType<string, never, never>;
  created_at: Moment;
  updated_at: Moment;
  launched_at: MaybeMoment;
  terminated_at: MaybeMoment;
  deleted_at: MaybeMoment;
}

/** An event of an instance action, kept with its action. */
export interface ActionEvent {
  readonly event: string;
  readonly startTime: string;
  readonly finishTime: string | null;
  readonly result: 'Success' | 'Error' | null;
  readonly traceback: string | null;
  readonly host: string | null;
  readonly details: string | null;
}

export interface CellTables {
  instances: InstanceRow;
  instance_actions: {
    id: Generated<number>;
    instance_id: string;
    action: string;
    request_id: string;
    user_id: string;
    project_id: string;
    start_time: Moment;
    updated_at: Moment;
    message: string | null;
    events: DefaultedJson<readonly ActionEvent[]>;
  };
  services: {
    id: Generated<number>;
    uuid: string;
    host: string;
    binary_name: string;
    topic: string;
    version: Generated<number>;
    disabled: Generated<boolean>;
    disabled_reason: string | null;
    forced_down: Generated<boolean>;
    last_seen_at: MaybeMoment;
    created_at: Moment;
    updated_at: MaybeMoment;
  };
  compute_nodes: {
    id: Generated<number>;
    uuid: string;
    host: string;
    name: string;
    facts: Json<NodeFacts>;
    created_at: Moment;
    updated_at: Moment;
  };
  /** Moves of instances between hosts and flavors, under Nova's name. */
  migrations: {
    id: Generated<number>;
    uuid: string;
    instance_id: string;
    project_id: string;
    user_id: string;
    type: string;
    status: string;
    source_host: string;
    source_node: string;
    dest_host: string | null;
    dest_node: string | null;
    dest_ip: string | null;
    old_flavor_id: number | null;
    new_flavor_id: number | null;
    hidden: Generated<boolean>;
    memory_total: number | null;
    memory_processed: number | null;
    memory_remaining: number | null;
    disk_total: number | null;
    disk_processed: number | null;
    disk_remaining: number | null;
    created_at: Moment;
    updated_at: Moment;
  };
  console_auth_tokens: {
    id: Generated<number>;
    token_hash: string;
    console_type: string;
    instance_id: string;
    compute_host: string;
    host: string;
    port: number;
    tls_port: number | null;
    internal_access_path: string | null;
    access_url_base: string;
    expires_at: Moment;
    created_at: Moment;
  };
  task_logs: {
    task_name: string;
    host: string;
    period_beginning: Moment;
    period_ending: Moment;
    state: string;
    message: string;
    task_items: number;
    errors: number;
  };
  share_mappings: {
    id: Generated<number>;
    uuid: string;
    instance_id: string;
    share_id: string;
    status: string;
    tag: string;
    export_location: string;
    protocol: string;
    created_at: Moment;
  };
  sagas: {
    id: string;
    name: string;
    subject: string;
    params: Json<unknown>;
    state: Generated<string>;
    position: Generated<number>;
    results: DefaultedJson<Readonly<Record<string, unknown>>>;
    failure: MaybeJson<WireError>;
    cancel_requested: Generated<boolean>;
    fence: Generated<number>;
    owner: string | null;
    lease_until: Moment;
    log: DefaultedJson<readonly SagaLogLine[]>;
    waiting: MaybeJson<SagaWaiting>;
    created_at: Moment;
    updated_at: Moment;
  };
}
