import Type, { type TSchema } from 'typebox';
import { plainBody, versionedBody, type VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { anyText, digits, versionedQuery, type QueryField } from '../../../../lib/http/query.ts';
import { version, type Version } from '../../../../lib/http/microversion.ts';
import {
  Base64,
  Bool,
  Description,
  DiskConfig,
  Fqdn,
  HostnameLabel,
  Ipv4,
  Ipv6,
  Metadata,
  Name,
  PositiveInteger,
  Tag,
  Uuid,
} from '../../schemas.ts';
import { Personality } from './injected-files.ts';

const looseNetwork = Type.Object(
  {
    uuid: Type.Optional(Type.String()),
    port: Type.Optional(Type.Union([Uuid, Type.Null()])),
    fixed_ip: Type.Optional(Type.Union([Ipv4, Ipv6])),
    tag: Type.Optional(Tag),
  },
  { additionalProperties: false },
);
const strictNetwork = Type.Object(
  { uuid: Type.Optional(Uuid), port: Type.Optional(Type.Union([Uuid, Type.Null()])), fixed_ip: Type.Optional(Type.Union([Ipv4, Ipv6])) },
  { additionalProperties: false },
);
const taggedNetwork = Type.Object({ ...strictNetwork.properties, tag: Type.Optional(Tag) }, { additionalProperties: false });
const namedNetworks = (item: typeof strictNetwork | typeof taggedNetwork) => Type.Union([Type.Array(item), Type.Enum(['none', 'auto'])]);

const maybe = (type: TSchema) => Type.Optional(Type.Union([type, Type.Null()]));
const blockDeviceKeys = {
  source_type: Type.Enum(['volume', 'image', 'snapshot', 'blank']),
  uuid: Type.Optional(Type.Union([Uuid, Type.Null()])),
  image_id: Type.Optional(Uuid),
  destination_type: Type.Optional(Type.Enum(['local', 'volume'])),
  boot_index: Type.Optional(Type.Union([Type.Integer(), Type.String({ pattern: '^-?[0-9]+$' }), Type.Null()])),
  volume_size: Type.Optional(Type.Union([PositiveInteger, Type.Null()])),
  delete_on_termination: Type.Optional(Bool),
  device_name: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' }), Type.Null()])),
  guest_format: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  device_type: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  disk_bus: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
  no_device: Type.Optional(Type.Union([Bool, Type.Null()])),
};
const strict = { additionalProperties: false };
const blockDevice = Type.Object(blockDeviceKeys, strict);
const taggedBlockDevice = Type.Object({ ...blockDeviceKeys, tag: Type.Optional(Tag) }, strict);
const typedBlockDevice = Type.Object(
  { ...blockDeviceKeys, tag: Type.Optional(Tag), volume_type: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])) },
  strict,
);
/** The older form, which names devices of a guest. */
const legacyBlockDevice = Type.Object(
  {
    virtual_name: maybe(Type.String({ maxLength: 255 })),
    volume_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    snapshot_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    volume_size: Type.Optional(Type.Union([PositiveInteger, Type.Null()])),
    device_name: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' }), Type.Null()])),
    delete_on_termination: Type.Optional(Bool),
    no_device: Type.Optional(Type.Union([Bool, Type.Null()])),
    connection_info: maybe(Type.String({ maxLength: 16_777_215 })),
  },
  strict,
);

/** `server` of `POST /servers`. */
export const CreateServer = versionedBody('CreateServer', {
  name: { required: true, type: Name },
  flavorRef: { required: true, type: Type.Union([Type.String({ minLength: 1 }), Type.Integer()]) },
  imageRef: { type: Type.Union([Uuid, Type.Literal('')]) },
  adminPass: { type: Type.String() },
  metadata: { type: Metadata },
  networks: [
    { until: '2.31', type: Type.Array(Type.Omit(looseNetwork, ['tag'])) },
    { since: '2.32', until: '2.36', type: Type.Array(looseNetwork) },
    { since: '2.37', until: '2.41', type: namedNetworks(strictNetwork), required: true },
    { since: '2.42', type: namedNetworks(taggedNetwork), required: true },
  ],
  'OS-DCF:diskConfig': { type: DiskConfig },
  accessIPv4: { type: Ipv4 },
  accessIPv6: { type: Ipv6 },
  availability_zone: { type: Type.String({ minLength: 1, maxLength: 255 }) },
  block_device_mapping: { type: Type.Array(legacyBlockDevice) },
  block_device_mapping_v2: [
    { until: '2.31', type: Type.Array(blockDevice) },
    { since: '2.32', until: '2.32', type: Type.Array(taggedBlockDevice) },
    { since: '2.33', until: '2.41', type: Type.Array(blockDevice) },
    { since: '2.42', until: '2.66', type: Type.Array(taggedBlockDevice) },
    { since: '2.67', type: Type.Array(typedBlockDevice) },
  ],
  config_drive: { type: Bool },
  key_name: { type: Name },
  min_count: { type: PositiveInteger },
  max_count: { type: PositiveInteger },
  return_reservation_id: { type: Bool },
  security_groups: {
    type: Type.Array(Type.Object({ name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) }, { additionalProperties: false })),
  },
  user_data: { type: Base64(65_535, { 'x-legacy': 'nullable' }) },
  personality: { until: '2.56', type: Personality },
  description: { since: '2.19', type: Description },
  tags: { since: '2.52', type: Type.Array(Tag, { maxItems: 50 }) },
  trusted_image_certificates: {
    since: '2.63',
    type: Type.Union([Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }), Type.Null()]),
  },
  host: { since: '2.74', type: Fqdn },
  hypervisor_hostname: { since: '2.74', type: Fqdn },
  hostname: [
    { since: '2.90', until: '2.93', type: HostnameLabel },
    { since: '2.94', type: Fqdn },
  ],
});

const uuids = Type.Union([Uuid, Type.Array(Uuid)]);
const Hints = Type.Object({
  group: Type.Optional(uuids),
  different_host: Type.Optional(uuids),
  same_host: Type.Optional(uuids),
  query: Type.Optional(Type.Union([Type.String(), Type.Object({})])),
  build_near_host_ip: Type.Optional(Type.Union([Ipv4, Ipv6])),
  cidr: Type.Optional(Type.String({ pattern: '^/[0-9a-f.:]+$' })),
});

/** The whole body, which has the scheduler's hints beside the server. */
export const CreateServerRequest: VersionedBody<{
  readonly server: NonNullable<(typeof CreateServer)['value']>;
  readonly 'os:scheduler_hints'?: Readonly<Record<string, unknown>>;
  readonly 'OS-SCH-HNT:scheduler_hints'?: Readonly<Record<string, unknown>>;
}> = {
  title: 'CreateServerRequest',
  schema(at) {
    const known = createRequests.get(at);
    if (known !== undefined) return known;
    const hints = Type.Optional(Hints);
    const properties = { server: CreateServer.schema(at), 'os:scheduler_hints': hints, 'OS-SCH-HNT:scheduler_hints': hints };
    const schema = Type.Object(properties, { title: 'CreateServerRequest', additionalProperties: false });
    createRequests.set(at, schema);
    return schema;
  },
};
const createRequests = new Map<Version, TSchema>();

/** `server` of `PUT /servers/{id}`. */
export const UpdateServer = versionedBody('UpdateServer', {
  name: { type: Name },
  'OS-DCF:diskConfig': { type: DiskConfig },
  accessIPv4: { type: Ipv4 },
  accessIPv6: { type: Ipv6 },
  description: { since: '2.19', type: Description },
  hostname: [
    { since: '2.90', until: '2.93', type: HostnameLabel },
    { since: '2.94', type: Fqdn },
  ],
  pinned_availability_zone: { since: '2.104', type: Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]) },
});

const lockWithReason = Type.Union([
  Type.Null(),
  Type.Object({ locked_reason: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) }, { additionalProperties: false }),
]);

export const RebootServer = plainBody(
  'RebootServer',
  Type.Object({ type: Type.Enum(['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']) }, { additionalProperties: false }),
);
export const ConsoleOutput = plainBody(
  'ConsoleOutput',
  Type.Object(
    { length: Type.Optional(Type.Union([Type.Integer({ minimum: -1 }), Type.String({ pattern: '^-?[0-9]+$' }), Type.Null()])) },
    { additionalProperties: false },
  ),
);
/** Anything until 2.72; null or a reason since. */
export const LockServer: VersionedBody<{ readonly locked_reason?: string } | null> = {
  title: 'LockServer',
  schema: (at) => (at < version('2.73') ? Type.Unknown() : lockWithReason),
};

const filter: QueryField = { type: anyText };
const many: QueryField & { readonly many: true } = { type: anyText, many: true };

/** Names of Nova's own making and of tables it joins: taken at every version, and an error for those who may filter by everything. */
export const noFilters = /^(_.*|block_device_mapping|services|metadata|system_metadata|info_cache|security_groups|pci_devices)$/;

/** The query of both server lists. */
export const ListServers = versionedQuery(
  {
    limit: { type: digits },
    marker: filter,
    sort_key: many,
    sort_dir: many,
    all_tenants: filter,
    project_id: filter,
    tenant_id: filter,
    name: filter,
    display_name: filter,
    status: many,
    image: filter,
    image_ref: filter,
    flavor: filter,
    ip: filter,
    ip6: filter,
    reservation_id: filter,
    'changes-since': filter,
    'changes-before': { type: anyText, since: '2.66' },
    tags: { type: anyText, since: '2.26' },
    'tags-any': { type: anyText, since: '2.26' },
    'not-tags': { type: anyText, since: '2.26' },
    'not-tags-any': { type: anyText, since: '2.26' },
    locked: { type: anyText, since: '2.73' },
    availability_zone: filter,
    config_drive: filter,
    key_name: filter,
    created_at: filter,
    launched_at: filter,
    terminated_at: filter,
    power_state: filter,
    progress: filter,
    vm_state: filter,
    task_state: filter,
    user_id: filter,
    hostname: filter,
    deleted: filter,
    soft_deleted: filter,
    host: filter,
    uuid: filter,
    node: filter,
    launch_index: filter,
    kernel_id: filter,
    ramdisk_id: filter,
    root_device_name: filter,
    display_description: filter,
    locked_by: filter,
    access_ip_v4: filter,
    access_ip_v6: filter,
    auto_disk_config: filter,
    description: filter,
  },
  { refusesUnknownSince: version('2.75'), letsThrough: noFilters },
);
