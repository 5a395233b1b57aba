import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { Description, DnsName, Line, NullOr, ProjectId, ResourceId } from '../../texts.ts';

const changes = {
  port_id: { type: NullOr(ResourceId) },
  fixed_ip_address: { type: NullOr(Line) },
  description: { type: Description },
  qos_policy_id: { type: Type.Null() },
} as const;
const newFloatingIp = {
  ...changes,
  floating_network_id: { type: ResourceId, required: true },
  floating_ip_address: { type: NullOr(Line) },
  subnet_id: { type: NullOr(ResourceId) },
  dns_name: { type: DnsName },
  dns_domain: { type: DnsName },
  tenant_id: { type: ProjectId },
  project_id: { type: ProjectId },
} as const;

export const CreateFloatingIp = versionedBody('CreateFloatingIp', newFloatingIp);
export const UpdateFloatingIp = versionedBody('UpdateFloatingIp', changes);
export type NewFloatingIp = BodyOf<typeof newFloatingIp>;
export type FloatingIpChanges = BodyOf<typeof changes>;
