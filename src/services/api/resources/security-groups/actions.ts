import Type from 'typebox';
import type { Port } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import { conflict, invalid, isKind, notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { updateInstance, type LocatedInstance } from '../../../../store/instances.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';

const NamedGroup = plainBody('NamedSecurityGroup', Type.Object({ name: Type.String({ minLength: 1 }) }, { additionalProperties: false }));

interface Change {
  readonly deps: ApiDeps;
  readonly ctx: RequestContext;
  readonly session: Session;
  readonly located: LocatedInstance;
  readonly groupId: string;
  readonly ports: readonly Port[];
}

/** The id of the group that a name or an id means to the caller. */
async function groupNamed(deps: ApiDeps, ctx: RequestContext, session: Session, name: string): Promise<string> {
  if (name.trim() === '') throw invalid('Security group name cannot be empty');
  const [byId] = await deps.network.securityGroups(session, { id: name });
  if (byId !== undefined) return byId.id;
  const named = await deps.network.securityGroups(session, { name, tenant_id: ctx.caller.projectId ?? '' });
  if (named.length > 1) throw conflict(`Multiple security_group matches found for name '${name}', use an ID to be more specific.`);
  if (named[0] === undefined) throw notFound(`Security group ${name} is not found for project ${ctx.caller.projectId ?? ''}`);
  return named[0].id;
}

/** Changes the groups of these ports, and what the server’s row says of its groups. */
async function regroup(
  { deps, session, located }: Change,
  all: readonly Port[],
  changed: readonly { readonly port: Port; readonly groupIds: readonly string[] }[],
): Promise<void> {
  const now = new Map(all.map((port) => [port.id, port.securityGroupIds]));
  for (const { port, groupIds } of changed) {
    await deps.network.updatePort(session, port.id, { securityGroupIds: groupIds }).catch((error: unknown) => {
      if (isKind(error, 'invalid')) throw invalid(`Security group cannot be applied: ${error.message}`, { cause: error });
      throw error;
    });
    now.set(port.id, groupIds);
  }
  const ids = [...now.values()].flat();
  const groups = ids.length === 0 ? [] : await deps.network.securityGroups(deps.identity.serviceSession, { id: [...new Set(ids)] });
  const names = new Map(groups.map((group) => [group.id, group.name === '' ? group.id : group.name]));
  const securityGroups = ids.flatMap((id) => names.get(id) ?? []);
  await updateInstance(deps.stores.cell(located.cellId), located.instance.id, { securityGroups });
}

const change = (
  key: string,
  summary: string,
  policy: 'os_compute_api:os-security-groups:add' | 'os_compute_api:os-security-groups:remove',
  run: (change: Change, name: string) => Promise<void>,
) =>
  serverAction({
    key,
    summary,
    policy,
    body: NamedGroup,
    reply: { status: 202 },
    handle: async ({ body: { name }, loaded, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const groupId = await groupNamed(deps, ctx, session, name);
      const ports = await deps.network.ports(session, { device_id: loaded.instance.id });
      if (ports.length === 0) throw notFound(`instance_id ${loaded.instance.id} could not be found as device id on any ports`);
      await run({ deps, ctx, session, located: loaded, groupId, ports }, name);
    },
  });

/** What `POST /servers/{id}/action` does with security groups: they are those of the server’s ports. */
export const securityGroupActions = [
  change('addSecurityGroup', 'Put all ports of a server into a security group', 'os_compute_api:os-security-groups:add', async (wanted) => {
    const { ports, groupId } = wanted;
    if (ports.some(({ fixedIps, portSecurityEnabled }) => fixedIps.length === 0 || !portSecurityEnabled))
      throw invalid('Network requires port_security_enabled and subnet associated in order to apply security groups.');
    const changed = ports.map((port) => ({ port, groupIds: [...new Set([...port.securityGroupIds, groupId])] }));
    await regroup(wanted, ports, changed);
  }),
  change(
    'removeSecurityGroup',
    'Take all ports of a server out of a security group',
    'os_compute_api:os-security-groups:remove',
    async (wanted, name) => {
      const { ports, groupId, located } = wanted;
      const changed = ports
        .filter(({ securityGroupIds }) => securityGroupIds.includes(groupId))
        .map((port) => ({ port, groupIds: port.securityGroupIds.filter((id) => id !== groupId) }));
      if (changed.length === 0) throw notFound(`Security group ${name} not associated with the instance ${located.instance.id}`);
      await regroup(wanted, ports, changed);
    },
  ),
];
