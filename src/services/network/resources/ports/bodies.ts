import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { DnsName, Flag, Line, MacAddress, NullOr, ResourceId, standardBody, standardChanges, Tag } from '../../texts.ts';

const FixedIp = Type.Object(
  { subnet_id: Type.Optional(NullOr(ResourceId)), ip_address: Type.Optional(NullOr(Line)) },
  { additionalProperties: false },
);
const Pair = Type.Object({ ip_address: Line, mac_address: Type.Optional(NullOr(MacAddress)) }, { additionalProperties: false });
/** Names and values end up in a DHCP server's file: nothing that could begin another line or option. */
const DhcpOption = Type.Object(
  {
    opt_name: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9:_-]+$' }),
    opt_value: Type.Optional(NullOr(Line)),
    ip_version: Type.Optional(Type.Union([Type.Literal(4), Type.Literal(6), Type.Literal('4'), Type.Literal('6')])),
  },
  { additionalProperties: false },
);
const VnicType = Type.Union(
  [
    'normal',
    'direct',
    'macvtap',
    'baremetal',
    'direct-physical',
    'virtio-forwarder',
    'smart-nic',
    'vdpa',
    'remote-managed',
    'accelerator-direct',
    'accelerator-direct-physical',
  ].map((type) => Type.Literal(type)),
);

const changes = {
  admin_state_up: { type: Flag },
  mac_address: { type: NullOr(MacAddress) },
  fixed_ips: { type: NullOr(Type.Array(FixedIp, { maxItems: 20 })) },
  device_id: { type: Line },
  device_owner: { type: Line },
  security_groups: { type: NullOr(Type.Array(ResourceId, { maxItems: 50 })) },
  allowed_address_pairs: { type: NullOr(Type.Array(Pair, { maxItems: 10 })) },
  port_security_enabled: { type: Flag },
  extra_dhcp_opts: { type: NullOr(Type.Array(DhcpOption, { maxItems: 50 })) },
  dns_name: { type: DnsName },
  dns_domain: { type: DnsName },
  qos_policy_id: { type: Type.Null() },
  'binding:host_id': { type: NullOr(Line) },
  'binding:vnic_type': { type: VnicType },
  'binding:profile': { type: NullOr(Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 })) },
} as const;

const newPort = {
  ...standardBody,
  ...changes,
  network_id: { type: ResourceId, required: true },
  tags: { type: Type.Array(Tag, { maxItems: 50 }) },
} as const;
const portChanges = { ...standardChanges, ...changes } as const;

export const CreatePort = versionedBody('CreatePort', newPort);
export const UpdatePort = versionedBody('UpdatePort', portChanges);
export type NewPortBody = BodyOf<typeof newPort>;
export type PortChangesBody = BodyOf<typeof portChanges>;

/** Attributes with a rule of their own, and the value that asks for nothing. `device_owner` and the parts of `fixed_ips` are judged beside these. */
export const guardedOnCreate = {
  mac_address: null,
  fixed_ips: null,
  allowed_address_pairs: [],
  'binding:host_id': '',
  'binding:profile': {},
  'binding:vnic_type': 'normal',
} as const;
export const guardedOnUpdate = {
  mac_address: null,
  fixed_ips: null,
  allowed_address_pairs: null,
  port_security_enabled: null,
  'binding:host_id': null,
  'binding:profile': null,
  'binding:vnic_type': null,
} as const;
