import { sql } from 'kysely';
import { find, scopeOf } from '../../collection.ts';
import { brokenConstraint } from '../../store/write.ts';
import {
  cannotRemoveDefault,
  cannotRenameDefault,
  defaultGroupExists,
  groupInUse,
  invalidInput,
  ruleExists,
} from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import type { NewSecurityGroup, NewSecurityGroupRule, SecurityGroupChanges } from './bodies.ts';
import { securityGroups, type GroupRow, type RuleRow } from './collection.ts';
import { defaultGroup, insertGroup } from './default-group.ts';
import { planRule } from './rule-plan.ts';

/** Makes a group that lets everything out and nothing in. */
export async function createSecurityGroup({ deps, tx }: Work, body: NewSecurityGroup, projectId: string): Promise<string> {
  if (body.name === 'default') throw defaultGroupExists();
  await enforceQuota(tx, projectId, 'security_group', 1);
  await defaultGroup(tx, deps, projectId);
  const id = await insertGroup(tx, deps, {
    projectId,
    name: body.name ?? '',
    description: body.description ?? '',
    stateful: body.stateful ?? true,
    isDefault: false,
  });
  if (id === null) throw defaultGroupExists();
  return id;
}

export async function updateSecurityGroup({ deps, tx, touched }: Work, group: GroupRow, body: SecurityGroupChanges): Promise<void> {
  if (body.name !== undefined && body.name !== group.name && (group.name === 'default' || body.name === 'default'))
    throw group.name === 'default' ? cannotRenameDefault() : defaultGroupExists();
  if (body.stateful !== undefined && body.stateful !== group.stateful) {
    const used = await tx.selectFrom('port_security_groups').select('port_id').where('security_group_id', '=', group.id).limit(1).execute();
    if (used.length > 0) throw groupInUse(group.id);
  }
  await tx
    .updateTable('security_groups')
    .set({
      name: body.name ?? group.name,
      description: body.description ?? group.description,
      stateful: body.stateful ?? group.stateful,
      revision_number: group.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', group.id)
    .execute();
  touched.groups.add(group.id);
}

/** Deletes a group that no port uses; rules that name it as their remote side go with it. */
export async function deleteSecurityGroup({ ctx, tx, touched }: Work, group: GroupRow): Promise<void> {
  if (group.name === 'default' && !ctx.can('context_is_admin')) throw cannotRemoveDefault();
  const naming = await tx.selectFrom('security_group_rules').select('security_group_id').where('remote_group_id', '=', group.id).execute();
  for (const { security_group_id: id } of naming) touched.groups.add(id);
  try {
    await tx.deleteFrom('security_groups').where('id', '=', group.id).execute();
  } catch (error) {
    if (brokenConstraint(error) === 'port_security_groups_group') throw groupInUse(group.id);
    throw error;
  }
}

/** Adds a rule to one of the caller's groups. */
export async function createSecurityGroupRule(
  { deps, ctx, tx, touched }: Work,
  body: NewSecurityGroupRule,
  projectId: string,
): Promise<string> {
  const scope = scopeOf(ctx);
  const group = await find(tx, securityGroups, scope, body.security_group_id);
  if (body.remote_group_id !== undefined && body.remote_group_id !== null) await find(tx, securityGroups, scope, body.remote_group_id);
  if (body.project_id !== undefined && body.project_id !== group.project_id && !scope.elevated)
    throw invalidInput('project_id is not the one of the security group');
  const owner = scope.elevated ? group.project_id : projectId;
  ctx.authorize('create_security_group_rule', { project_id: group.project_id, tenant_id: group.project_id });
  await enforceQuota(tx, owner, 'security_group_rule', 1);
  const plan = planRule(body);
  const id = deps.ids.uuid();
  const now = new Date(deps.clock.now());
  const made = await tx
    .insertInto('security_group_rules')
    .values({
      ...plan,
      id,
      project_id: owner,
      security_group_id: group.id,
      description: body.description ?? '',
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (made === undefined) {
    const { rows } = await sql<{
      id: string;
    }>`SELECT id FROM security_group_rules WHERE security_group_id = ${group.id} AND direction = ${plan.direction} AND ethertype = ${plan.ethertype}
      AND protocol_number IS NOT DISTINCT FROM ${plan.protocol_number} AND port_range_min IS NOT DISTINCT FROM ${plan.port_range_min}
      AND port_range_max IS NOT DISTINCT FROM ${plan.port_range_max} AND normalized_cidr IS NOT DISTINCT FROM network(${plan.remote_ip_prefix}::inet)
      AND remote_group_id IS NOT DISTINCT FROM ${plan.remote_group_id}`.execute(tx);
    throw ruleExists(rows[0]?.id ?? '');
  }
  await ruleChanged({ tx, touched }, group.id, now);
  return id;
}

export async function deleteSecurityGroupRule({ deps, tx, touched }: Work, rule: RuleRow): Promise<void> {
  await tx.deleteFrom('security_group_rules').where('id', '=', rule.id).execute();
  await ruleChanged({ tx, touched }, rule.security_group_id, new Date(deps.clock.now()));
}

async function ruleChanged({ tx, touched }: Pick<Work, 'tx' | 'touched'>, groupId: string, now: Date): Promise<void> {
  await sql`UPDATE security_groups SET revision_number = revision_number + 1, updated_at = ${now} WHERE id = ${groupId}`.execute(tx);
  touched.groups.add(groupId);
}
