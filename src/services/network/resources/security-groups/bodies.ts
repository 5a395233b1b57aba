import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { Description, Flag, Line, Name, NullOr, ProjectId, ResourceId, standardBody } from '../../texts.ts';

const newGroup = { ...standardBody, stateful: { type: Flag } } as const;
const groupChanges = { name: { type: Name }, description: { type: Description }, stateful: { type: Flag } } as const;
const Port = NullOr(Type.Union([Type.Integer({ minimum: -1, maximum: 65536 }), Type.String({ maxLength: 10 })]));
const newRule = {
  security_group_id: { type: ResourceId, required: true },
  direction: { type: Type.String({ maxLength: 20 }), required: true },
  ethertype: { type: NullOr(Type.String({ maxLength: 20 })) },
  protocol: { type: NullOr(Type.Union([Type.String({ maxLength: 40 }), Type.Integer({ minimum: 0, maximum: 255 })])) },
  port_range_min: { type: Port },
  port_range_max: { type: Port },
  remote_ip_prefix: { type: NullOr(Line) },
  remote_group_id: { type: NullOr(ResourceId) },
  remote_address_group_id: { type: Type.Null() },
  description: { type: Description },
  tenant_id: { type: ProjectId },
  project_id: { type: ProjectId },
} as const;

export const CreateSecurityGroup = versionedBody('CreateSecurityGroup', newGroup);
export const UpdateSecurityGroup = versionedBody('UpdateSecurityGroup', groupChanges);
export const CreateSecurityGroupRule = versionedBody('CreateSecurityGroupRule', newRule);
export type NewSecurityGroup = BodyOf<typeof newGroup>;
export type SecurityGroupChanges = BodyOf<typeof groupChanges>;
export type NewSecurityGroupRule = BodyOf<typeof newRule>;
