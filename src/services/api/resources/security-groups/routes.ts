import Type from 'typebox';
import type { SecurityGroup } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import { forbidden, invalid, isKind, notFound } from '../../../../lib/errors.ts';
import { anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { offsetPage } from '../../paging.ts';
import { noQuery } from '../../queries.ts';
import { Uuid } from '../../schemas.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { newRule, refuseTwice } from './new-rule.ts';
import { shownGroups, shownRule, sortedGroups } from './shown-groups.ts';

const until = '2.35';
const Words = Type.String({ maxLength: 255 });
const SecurityGroupWords = plainBody('SecurityGroupWords', Type.Object({ name: Words, description: Words }));
const CreateSecurityGroupRule = plainBody(
  'CreateSecurityGroupRule',
  Type.Object({
    parent_group_id: Uuid,
    group_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    ip_protocol: Type.Optional(Type.Unknown()),
    from_port: Type.Optional(Type.Unknown()),
    to_port: Type.Optional(Type.Unknown()),
    cidr: Type.Optional(Type.Unknown()),
  }),
);

function idIn(text: string): string {
  const id = normalizeUuid(text);
  if (id === null) throw invalid('Security group id should be uuid');
  return id;
}

/** A refusal of the network service in compute’s words: what a project has too much of is forbidden, what stands in the way is a bad request. */
const refusing =
  (conflicts: 'forbidden' | 'invalid') =>
  (error: unknown): never => {
    if (isKind(error, 'quota') || (isKind(error, 'conflict') && conflicts === 'forbidden'))
      throw forbidden(error.message, { cause: error });
    if (isKind(error, 'conflict')) throw invalid(error.message, { cause: error });
    throw error;
  };

async function shown(deps: ApiDeps, session: Session, group: SecurityGroup) {
  const [one] = await shownGroups(deps, session, [group]);
  return one;
}

/** The security groups of a server: one entry for each port and group. */
async function groupsOfServer(deps: ApiDeps, session: Session, instanceId: string): Promise<SecurityGroup[]> {
  const ports = await deps.network.ports(session, { device_id: instanceId });
  const ids = ports.flatMap(({ securityGroupIds }) => securityGroupIds);
  if (ids.length === 0) return [];
  const known = new Map((await deps.network.securityGroups(session, { id: [...new Set(ids)] })).map((group) => [group.id, group]));
  return ids.flatMap((id) => known.get(id) ?? []);
}

/** Security groups, kept by the network service. */
export const securityGroupRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-security-groups',
    summary: 'List the security groups of a server',
    policy: 'os_compute_api:os-security-groups:list',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'security_groups' },
    handle: async ({ loaded: { instance }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      return sortedGroups(await shownGroups(deps, session, await groupsOfServer(deps, session, instance.id)));
    },
  }),
  route({
    method: 'GET',
    path: '/os-security-groups',
    until,
    summary: 'List security groups',
    policy: 'os_compute_api:os-security-groups:get',
    query: versionedQuery({ limit: { type: digits }, offset: { type: digits }, all_tenants: { type: anyText } }),
    reply: { status: 200, key: 'security_groups' },
    handle: async ({ query, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const ofAll = ctx.caller.isAdmin && query.all_tenants !== undefined;
      const groups = await deps.network.securityGroups(session, ofAll ? {} : { tenant_id: ctx.caller.projectId ?? '' });
      const { limit, offset } = offsetPage(deps, query);
      return sortedGroups(await shownGroups(deps, session, groups.slice(offset, offset + limit)));
    },
  }),
  route({
    method: 'POST',
    path: '/os-security-groups',
    until,
    summary: 'Create a security group',
    policy: 'os_compute_api:os-security-groups:create',
    body: { key: 'security_group', schema: SecurityGroupWords },
    reply: { status: 200, key: 'security_group' },
    handle: async ({ body: { name, description }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const made = await deps.network.createSecurityGroup(session, { name, description }).catch(refusing('forbidden'));
      return shown(deps, session, made);
    },
  }),
  route({
    method: 'GET',
    path: '/os-security-groups/:securityGroupId',
    until,
    summary: 'Show a security group',
    policy: 'os_compute_api:os-security-groups:show',
    reply: { status: 200, key: 'security_group' },
    handle: async ({ params, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      return shown(deps, session, await deps.network.securityGroup(session, idIn(params.securityGroupId)));
    },
  }),
  route({
    method: 'PUT',
    path: '/os-security-groups/:securityGroupId',
    until,
    summary: 'Change the name and the description of a security group',
    policy: 'os_compute_api:os-security-groups:update',
    body: { key: 'security_group', schema: SecurityGroupWords },
    reply: { status: 200, key: 'security_group' },
    handle: async ({ params, body: { name, description }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const id = idIn(params.securityGroupId);
      const changed = await deps.network.updateSecurityGroup(session, id, { name, description }).catch(refusing('invalid'));
      return shown(deps, session, changed);
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-security-groups/:securityGroupId',
    until,
    summary: 'Delete a security group',
    policy: 'os_compute_api:os-security-groups:delete',
    reply: { status: 202 },
    handle: ({ params, ctx, deps }) =>
      deps.network.deleteSecurityGroup(deps.identity.sessionOf(ctx.caller), idIn(params.securityGroupId)).catch(refusing('invalid')),
  }),
  route({
    method: 'POST',
    path: '/os-security-group-rules',
    until,
    summary: 'Let something in',
    policy: 'os_compute_api:os-security-groups:rule:create',
    body: { key: 'security_group_rule', schema: CreateSecurityGroupRule },
    reply: { status: 200, key: 'security_group_rule' },
    handle: async ({ body, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const group = await deps.network.securityGroup(session, idIn(body.parent_group_id));
      const remote = body.group_id == null ? null : await deps.network.securityGroup(session, idIn(body.group_id));
      const wanted = newRule(group.id, { ...body, group_id: remote?.id ?? null });
      refuseTwice(group, wanted);
      return shownRule(await deps.network.createIngressRule(session, wanted).catch(refusing('forbidden')), remote);
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-security-group-rules/:ruleId',
    until,
    summary: 'No longer let something in',
    policy: 'os_compute_api:os-security-groups:rule:delete',
    reply: { status: 202 },
    handle: async ({ params, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const { id, direction } = await deps.network.securityGroupRule(session, idIn(params.ruleId));
      if (direction !== 'ingress') throw notFound(`Security group rule ${id} does not exist`); // compute never knew the others
      await deps.network.deleteSecurityGroupRule(session, id);
    },
  }),
];
