import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { Flag, Line, NullOr, ResourceId, standardBody, standardChanges } from '../../texts.ts';

const Route = Type.Object({ destination: Line, nexthop: Line }, { additionalProperties: false });
const Ipv6Mode = Type.Union([Type.Literal('slaac'), Type.Literal('dhcpv6-stateful'), Type.Literal('dhcpv6-stateless'), Type.Null()]);

const changes = {
  gateway_ip: { type: NullOr(Line) },
  allocation_pools: {
    type: NullOr(Type.Array(Type.Object({ start: Line, end: Line }, { additionalProperties: false }), { maxItems: 100 })),
  },
  dns_nameservers: { type: NullOr(Type.Array(Line, { maxItems: 5 })) },
  host_routes: { type: NullOr(Type.Array(Route, { maxItems: 20 })) },
  enable_dhcp: { type: Flag },
  service_types: { type: Type.Array(Line, { maxItems: 20 }) },
} as const;

const newSubnet = {
  ...standardBody,
  ...changes,
  network_id: { type: ResourceId, required: true },
  ip_version: { type: Type.Union([Type.Literal(4), Type.Literal(6), Type.Literal('4'), Type.Literal('6')]), required: true },
  cidr: { type: Line, required: true },
  ipv6_ra_mode: { type: Ipv6Mode },
  ipv6_address_mode: { type: Ipv6Mode },
  subnetpool_id: { type: Type.Null() },
  segment_id: { type: Type.Null() },
  use_default_subnetpool: { type: Type.Literal(false) },
} as const;
const subnetChanges = { ...standardChanges, ...changes } as const;

export const CreateSubnet = versionedBody('CreateSubnet', newSubnet);
export const UpdateSubnet = versionedBody('UpdateSubnet', subnetChanges);
export type NewSubnet = BodyOf<typeof newSubnet>;
export type SubnetChanges = BodyOf<typeof subnetChanges>;
