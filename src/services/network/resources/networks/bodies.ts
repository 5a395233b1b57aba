import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { DnsName, Flag, Line, NullOr, standardBody, standardChanges, whole } from '../../texts.ts';

const changes = {
  admin_state_up: { type: Flag },
  shared: { type: Flag },
  'router:external': { type: Flag },
  is_default: { type: Flag },
  mtu: { type: whole(0, 65_535) },
  port_security_enabled: { type: Flag },
  dns_domain: { type: DnsName },
  qos_policy_id: { type: Type.Null() },
} as const;

const newNetwork = {
  ...standardBody,
  ...changes,
  'provider:network_type': { type: Line },
  'provider:physical_network': { type: NullOr(Line) },
  'provider:segmentation_id': { type: NullOr(whole(1, 16_777_215)) },
  availability_zone_hints: { type: Type.Array(Line, { maxItems: 10 }) },
} as const;
const networkChanges = { ...standardChanges, ...changes } as const;

export const CreateNetwork = versionedBody('CreateNetwork', newNetwork);
export const UpdateNetwork = versionedBody('UpdateNetwork', networkChanges);
export type NewNetwork = BodyOf<typeof newNetwork>;
export type NetworkChanges = BodyOf<typeof networkChanges>;

/** Attributes with a rule of their own, and the value that asks for nothing. */
export const guardedOnCreate = {
  shared: false,
  'router:external': false,
  is_default: false,
  port_security_enabled: true,
  'provider:network_type': null,
  'provider:physical_network': null,
  'provider:segmentation_id': null,
} as const;
export const guardedOnUpdate = { shared: null, 'router:external': null, is_default: null, port_security_enabled: null } as const;
