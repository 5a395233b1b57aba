import type { NetworkDeps } from '../../deps.ts';
import type { Tx } from '../../store/tables.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';

/** A new group lets everything out; the default one also lets its own members in. */
export async function insertGroup(
  tx: Tx,
  deps: Pick<NetworkDeps, 'ids' | 'clock'>,
  group: {
    readonly projectId: string;
    readonly name: string;
    readonly description: string;
    readonly stateful?: boolean;
    readonly isDefault: boolean;
  },
): Promise<string | null> {
  const id = deps.ids.uuid();
  const now = new Date(deps.clock.now());
  const made = await tx
    .insertInto('security_groups')
    .values({
      id,
      project_id: group.projectId,
      name: group.name,
      description: group.description,
      stateful: group.stateful ?? true,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (made === undefined) return null;
  const ethertypes = ['IPv4', 'IPv6'];
  const out = ethertypes.map((ethertype) => ({ direction: 'egress', ethertype, remote_group_id: null as string | null }));
  const within = group.isDefault ? ethertypes.map((ethertype) => ({ direction: 'ingress', ethertype, remote_group_id: id })) : [];
  await tx
    .insertInto('security_group_rules')
    .values(
      [...out, ...within].map((rule) => ({
        ...rule,
        id: deps.ids.uuid(),
        project_id: group.projectId,
        security_group_id: id,
        description: '',
        protocol: null,
        protocol_number: null,
        port_range_min: null,
        port_range_max: null,
        remote_ip_prefix: null,
        created_at: now,
        updated_at: now,
      })),
    )
    .execute();
  return id;
}

/** The project's default group, made when it is first needed. */
export async function defaultGroup(tx: Tx, deps: Pick<NetworkDeps, 'ids' | 'clock'>, projectId: string): Promise<string> {
  const known = (): Promise<{ id: string } | undefined> =>
    tx.selectFrom('security_groups').select('id').where('project_id', '=', projectId).where('name', '=', 'default').executeTakeFirst();
  const found = await known();
  if (found !== undefined) return found.id;
  await enforceQuota(tx, projectId, 'security_group', 0);
  const made = await insertGroup(tx, deps, { projectId, name: 'default', description: 'Default security group', isDefault: true });
  return made ?? (await known())?.id ?? '';
}
