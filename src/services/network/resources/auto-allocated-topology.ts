import { sql } from 'kysely';
import type { RequestContext } from '../../../lib/http/route.ts';
import { conflict, notFound } from '../../../lib/errors.ts';
import { find } from '../collection.ts';
import { route } from '../deps.ts';
import type { Work } from '../resource-routes.ts';
import type { NetworkDatabase, Tx } from '../store/tables.ts';
import { write } from '../store/write.ts';
import { deleteNetwork } from './networks/change-network.ts';
import { networks } from './networks/collection.ts';
import { createNetwork } from './networks/create-network.ts';
import { createRouter, deleteRouter } from './routers/change-router.ts';
import { routers } from './routers/collection.ts';
import { addRouterInterface, removeRouterInterface } from './routers/router-interfaces.ts';
import { createSubnet } from './subnets/create-subnet.ts';

const failed = (why: string) => conflict(`Unable to provide tenant private network: ${why}`, { code: 'AutoAllocationFailure' });

/** Whose the topology is; `None` means the caller's. */
const projectOf = (params: Readonly<Record<string, string>>, ctx: RequestContext): string =>
  ['None', 'null'].includes(params['projectId'] ?? '') ? (ctx.caller.projectId ?? '') : (params['projectId'] ?? '');

const target = (loaded: string): Record<string, string> => ({ project_id: loaded, tenant_id: loaded });
const load = ({ params, ctx }: { readonly params: Readonly<Record<string, string>>; readonly ctx: RequestContext }): Promise<string> =>
  Promise.resolve(projectOf(params, ctx));

/** The external network a new topology has its way out through: the default one, else the oldest. */
async function wayOut(db: NetworkDatabase | Tx): Promise<string> {
  const found = await db
    .selectFrom('networks')
    .select('id')
    .where('external', '=', true)
    .orderBy('is_default', 'desc')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst();
  if (found === undefined) throw failed('there is no external network.');
  return found.id;
}

const topologyOf = (db: NetworkDatabase | Tx, projectId: string) =>
  db.selectFrom('auto_allocated_topologies').selectAll().where('project_id', '=', projectId).executeTakeFirst();

/** Makes a network with a subnet, and a router to the outside, for a project that has none yet. Of several at once, one makes it. */
async function allocate(work: Work, projectId: string): Promise<string> {
  const { tx } = work;
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`auto-allocated ${projectId}`}, 0))`.execute(tx);
  const known = await topologyOf(tx, projectId);
  if (known !== undefined) return known.network_id;
  const external = await wayOut(tx);
  const networkId = await createNetwork(work, { name: 'auto_allocated_network' }, projectId);
  const cidr = work.deps.autoAllocatedCidr; // that others have the same is hidden by the router
  const subnetId = await createSubnet(work, { name: 'auto_allocated_subnet_v4', network_id: networkId, ip_version: 4, cidr }, projectId);
  const routerId = await createRouter(work, { name: 'auto_allocated_router', external_gateway_info: { network_id: external } }, projectId);
  await addRouterInterface(work, await find(tx, routers, { projectId, elevated: true }, routerId), { subnet_id: subnetId });
  await tx.insertInto('auto_allocated_topologies').values({ project_id: projectId, network_id: networkId, router_id: routerId }).execute();
  return networkId;
}

async function release(work: Work, projectId: string): Promise<void> {
  const { tx } = work;
  const known = await topologyOf(tx, projectId);
  if (known === undefined) throw notFound(`No auto-allocated topology of project ${projectId} could be found.`);
  const scope = { projectId, elevated: true } as const;
  const network = await find(tx, networks, scope, known.network_id);
  if (known.router_id !== null) {
    const router = await find(tx, routers, scope, known.router_id);
    for (const subnetId of network.subnet_ids) await removeRouterInterface(work, router, { subnet_id: subnetId });
    await deleteRouter(work, await find(tx, routers, scope, known.router_id));
  }
  await deleteNetwork(work, network);
}

/** A network with a way out, for projects that have none and want none of the work. */
export const autoAllocatedTopologyRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/auto-allocated-topology/:projectId',
    summary: 'Show the topology of a project, made if it has none yet',
    policy: 'get_auto_allocated_topology',
    load,
    target,
    reply: { status: 200, key: 'auto_allocated_topology' },
    async handle({ ctx, deps, loaded: projectId }) {
      const owner = { tenant_id: projectId, project_id: projectId };
      if (new URLSearchParams(ctx.rawQuery).getAll('fields').includes('dry-run')) {
        if ((await topologyOf(deps.db, projectId)) === undefined) await wayOut(deps.db);
        return { id: 'dry-run=pass', ...owner };
      }
      return { id: await write(deps, (tx, touched) => allocate({ deps, ctx, tx, touched }, projectId)), ...owner };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/auto-allocated-topology/:projectId',
    summary: 'Delete the topology of a project',
    policy: 'delete_auto_allocated_topology',
    load,
    target,
    reply: { status: 204 },
    handle: ({ ctx, deps, loaded: projectId }) => write(deps, (tx, touched) => release({ deps, ctx, tx, touched }, projectId)),
  }),
];
