import { sql, type Selectable } from 'kysely';
import { badRequest, rbacInUse, rbacPolicyNotFound } from '../neutron-errors.ts';
import { conflict, KilonovaError } from '../../../lib/errors.ts';
import { versionedBody, type BodyOf } from '../../../lib/http/versioned-body.ts';
import { versionedView } from '../../../lib/http/versioned-view.ts';
import { column, find, ownedBy, scopeOf, type Collection } from '../collection.ts';
import { enforceQuota } from '../quota/enforce-quota.ts';
import { resourceRoutes, type Work } from '../resource-routes.ts';
import { Text } from '../standard-view.ts';
import type { NetworkTables } from '../store/tables.ts';
import { Line, ProjectId, ResourceId } from '../texts.ts';
import { refuseWhileOthersUse } from './networks/change-network.ts';
import { networks } from './networks/collection.ts';

type RbacRow = Selectable<NetworkTables['rbac_policies']> & { readonly revision_number: 0 };

const rbacPolicies: Collection<RbacRow> = {
  singular: 'rbac_policy',
  plural: 'rbac_policies',
  table: 'rbac_policies',
  taggable: false,
  fields: {
    id: column('id'),
    project_id: column('project_id'),
    tenant_id: column('project_id'),
    object_id: column('network_id'),
    object_type: { sql: sql`'network'::text`, kind: 'text' },
    action: column('action'),
    target_tenant: column('target_project'),
  },
  extra: () => sql`0 AS revision_number`,
  visible: ownedBy,
  view: versionedView<RbacRow>('RbacPolicy', {
    id: { type: Text, get: (p) => p.id },
    tenant_id: { type: Text, get: (p) => p.project_id },
    project_id: { type: Text, get: (p) => p.project_id },
    object_type: { type: Text, get: () => 'network' },
    object_id: { type: Text, get: (p) => p.network_id },
    action: { type: Text, get: (p) => p.action },
    target_tenant: { type: Text, get: (p) => p.target_project },
  }),
  target: (policy) => ({ project_id: policy.project_id, tenant_id: policy.project_id }),
  notFound: rbacPolicyNotFound,
};

const newPolicy = {
  object_type: { type: Line, required: true },
  object_id: { type: ResourceId, required: true },
  action: { type: Line, required: true },
  target_tenant: { type: ProjectId, required: true },
  tenant_id: { type: ProjectId },
  project_id: { type: ProjectId },
} as const;
const policyChanges = { target_tenant: { type: ProjectId } } as const;

/** Shares one's own network with another project. */
async function createPolicy({ deps, ctx, tx }: Work, body: BodyOf<typeof newPolicy>, projectId: string): Promise<string> {
  if (body.object_type !== 'network')
    throw badRequest('rbac_policy', `object_type '${body.object_type}' is not supported, valid ones: network`);
  if (body.action !== 'access_as_shared')
    throw badRequest('rbac_policy', `Invalid action '${body.action}' for object type 'network'. Valid actions: access_as_shared`);
  const network = await find(tx, networks, scopeOf(ctx), body.object_id);
  ctx.authorize('create_rbac_policy', { project_id: network.project_id, tenant_id: network.project_id });
  if (body.target_tenant === '*') ctx.authorize('create_rbac_policy:target_tenant');
  await enforceQuota(tx, projectId, 'rbac_policy', 1);
  const id = deps.ids.uuid();
  const made = await tx
    .insertInto('rbac_policies')
    .values({ id, project_id: projectId, network_id: network.id, action: body.action, target_project: body.target_tenant })
    .onConflict((clash) => clash.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (made === undefined) throw conflict('An RBAC policy already exists with those values.', { code: 'DuplicateRbacPolicy' });
  return id;
}

async function updatePolicy({ ctx, tx }: Work, policy: RbacRow, body: BodyOf<typeof policyChanges>): Promise<void> {
  if (body.target_tenant === undefined) return;
  if (body.target_tenant === '*') ctx.authorize('create_rbac_policy:target_tenant');
  await tx.updateTable('rbac_policies').set({ target_project: body.target_tenant }).where('id', '=', policy.id).execute();
  await refuseWhileNeeded(tx, policy);
}

async function deletePolicy({ tx }: Work, policy: RbacRow): Promise<void> {
  await tx.deleteFrom('rbac_policies').where('id', '=', policy.id).execute();
  await refuseWhileNeeded(tx, policy);
}

async function refuseWhileNeeded(tx: Work['tx'], policy: RbacRow): Promise<void> {
  const network = await tx
    .selectFrom('networks')
    .select(['id', 'name', 'project_id'])
    .where('id', '=', policy.network_id)
    .executeTakeFirstOrThrow();
  try {
    await refuseWhileOthersUse(tx, network);
  } catch (error) {
    throw error instanceof KilonovaError ? rbacInUse(network.id) : error;
  }
}

export const rbacPolicyRoutes = resourceRoutes({
  collection: rbacPolicies,
  create: { body: versionedBody('CreateRbacPolicy', newPolicy), run: createPolicy, authorizes: true },
  update: { body: versionedBody('UpdateRbacPolicy', policyChanges), run: updatePolicy },
  remove: deletePolicy,
});
