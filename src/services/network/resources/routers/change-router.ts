import { sql } from 'kysely';
import { isWithinPrefix, parseAddress, parsePrefix } from '../../addresses/prefix.ts';
import { find } from '../../collection.ts';
import { invalidRoutes, routerInUse } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import type { HostRoute, Tx } from '../../store/tables.ts';
import { deviceOwner } from '../ports/device-owners.ts';
import { readRoutes } from '../subnets/subnet-plan.ts';
import type { NewRouter, RouterChanges } from './bodies.ts';
import { routers, type RouterRow } from './collection.ts';
import { setGateway } from './set-gateway.ts';

/** Makes a router, connected to an external network where one is named. */
export async function createRouter(work: Work, body: NewRouter, projectId: string): Promise<string> {
  const { deps, tx, touched } = work;
  await enforceQuota(tx, projectId, 'router', 1);
  const id = deps.ids.uuid();
  const now = new Date(deps.clock.now());
  await tx
    .insertInto('routers')
    .values({
      id,
      project_id: projectId,
      name: body.name ?? '',
      description: body.description ?? '',
      created_at: now,
      updated_at: now,
      admin_state_up: body.admin_state_up ?? true,
      gateway_port_id: null,
      gateway_network_id: null,
      enable_snat: true,
      routes: '[]',
      availability_zone_hints: [...(body.availability_zone_hints ?? [])],
      host: null,
    })
    .execute();
  const info = body.external_gateway_info ?? null;
  if (info !== null && Object.keys(info).length > 0)
    await setGateway(work, 'create_router', await find(tx, routers, { projectId, elevated: true }, id), info);
  touched.routers.add(id);
  return id;
}

export async function updateRouter(work: Work, router: RouterRow, body: RouterChanges): Promise<void> {
  const { deps, tx, touched } = work;
  if (body.external_gateway_info !== undefined) {
    const info = body.external_gateway_info;
    await setGateway(work, 'update_router', router, info === null || Object.keys(info).length === 0 ? null : info);
  }
  const routes = body.routes === undefined ? router.routes : await checkedRoutes(tx, router.id, body.routes ?? []);
  await tx
    .updateTable('routers')
    .set({
      name: body.name ?? router.name,
      description: body.description ?? router.description,
      admin_state_up: body.admin_state_up ?? router.admin_state_up,
      routes: JSON.stringify(routes),
      revision_number: router.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', router.id)
    .execute();
  touched.routers.add(router.id);
}

/** Deletes a router that is connected to nothing but its external network. */
export async function deleteRouter(work: Work, router: RouterRow): Promise<void> {
  const { tx } = work;
  const connected = await tx
    .selectFrom('ports')
    .select('id')
    .where('device_id', '=', router.id)
    .where('device_owner', '=', deviceOwner.routerInterface)
    .limit(1)
    .execute();
  if (connected.length > 0) throw routerInUse(router.id, 'still has ports');
  await setGateway(work, 'update_router', router, null);
  await tx.deleteFrom('routers').where('id', '=', router.id).execute();
}

/** Routes whose next hop is on a network the router is connected to, and is not the router itself. */
export async function checkedRoutes(tx: Tx, routerId: string, asked: readonly HostRoute[]): Promise<HostRoute[]> {
  const routes = readRoutes(asked);
  if (routes.length > 30) throw invalidRoutes('too many routes');
  const { rows } = await sql<{ cidr: string; ip: string }>`SELECT s.cidr::text AS cidr, host(a.ip_address) AS ip FROM ports p
    JOIN ip_allocations a ON a.port_id = p.id JOIN subnets s ON s.id = a.subnet_id
    WHERE p.device_id = ${routerId} AND p.device_owner IN (${deviceOwner.routerInterface}, ${deviceOwner.routerGateway})`.execute(tx);
  for (const { nexthop } of routes) {
    const hop = parseAddress(nexthop);
    const reached = rows.some(({ cidr }) => {
      const prefix = parsePrefix(cidr);
      return prefix !== null && hop !== null && isWithinPrefix(hop, prefix);
    });
    if (!reached) throw invalidRoutes(`the nexthop is not connected with router: ${nexthop}`);
    if (rows.some(({ ip }) => ip === nexthop)) throw invalidRoutes(`the nexthop is used by router: ${nexthop}`);
  }
  return routes;
}
