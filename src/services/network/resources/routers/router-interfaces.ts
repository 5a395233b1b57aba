import { sql } from 'kysely';
import { isWithinPrefix, parseAddress, parsePrefix, prefixesOverlap } from '../../addresses/prefix.ts';
import { find, scopeOf } from '../../collection.ts';
import { badRequest, interfaceInUseByFloatingIp, interfaceInUseByRoute, portInUse, routerInterfaceNotFound } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import { networks } from '../networks/collection.ts';
import { ports, type PortRow } from '../ports/collection.ts';
import { deviceOwner } from '../ports/device-owners.ts';
import { insertPort } from '../ports/insert-port.ts';
import { subnets } from '../subnets/collection.ts';
import type { RouterRow } from './collection.ts';

interface Asked {
  readonly subnet_id?: string;
  readonly port_id?: string;
}

const elevated = { projectId: null, elevated: true } as const;

/** Connects a router to a subnet, at the subnet's gateway address, or by a port that is at hand. */
export async function addRouterInterface(work: Work, router: RouterRow, asked: Asked): Promise<Record<string, unknown>> {
  const { deps, tx, touched } = work;
  if ((asked.subnet_id === undefined) === (asked.port_id === undefined)) {
    throw badRequest(
      'router',
      asked.port_id === undefined ? 'Either subnet_id or port_id must be specified' : 'Cannot specify both subnet-id and port-id',
    );
  }
  const portId =
    asked.port_id === undefined ? await portOnSubnet(work, router, asked.subnet_id ?? '') : await takePort(work, router, asked.port_id);
  const port = await find(tx, ports, elevated, portId);
  touched.routers.add(router.id);
  touched.networks.add(port.network_id);
  await tx
    .updateTable('routers')
    .set({ revision_number: router.revision_number + 1, updated_at: new Date(deps.clock.now()) })
    .where('id', '=', router.id)
    .execute();
  return answer(router, port, asked.subnet_id);
}

const answer = (router: RouterRow, port: PortRow, subnetId: string | undefined): Record<string, unknown> => {
  const subnetIds = [...new Set(port.fixed_ips.map((ip) => ip.subnet_id))];
  return {
    id: router.id,
    tenant_id: router.project_id,
    project_id: router.project_id,
    port_id: port.id,
    network_id: port.network_id,
    subnet_id: subnetId ?? subnetIds[0],
    subnet_ids: subnetIds,
    tags: router.tags,
  };
};

async function portOnSubnet({ deps, ctx, tx, touched }: Work, router: RouterRow, subnetId: string): Promise<string> {
  const subnet = await find(tx, subnets, scopeOf(ctx), subnetId);
  if (subnet.gateway_ip === null) throw badRequest('router', `Subnet for router interface must have a gateway IP`);
  await checkOverlaps(tx, router, [subnet]);
  const network = await find(tx, networks, elevated, subnet.network_id);
  if (network.external && !ctx.can('context_is_admin'))
    throw badRequest('router', `Cannot add interface to external network ${network.id}`);
  await enforceQuota(tx, router.project_id, 'port', 1);
  return insertPort(tx, touched, deps, {
    projectId: router.project_id,
    networkId: network.id,
    fixedIps: [{ subnet_id: subnet.id, ip_address: subnet.gateway_ip }],
    deviceId: router.id,
    deviceOwner: deviceOwner.routerInterface,
    status: deps.dataPlane === 'none' ? 'ACTIVE' : 'DOWN',
    portSecurityEnabled: false,
  });
}

async function takePort({ deps, ctx, tx, touched }: Work, router: RouterRow, portId: string): Promise<string> {
  const port = await find(tx, ports, scopeOf(ctx), portId);
  await tx.selectFrom('ports').select('id').where('id', '=', port.id).forUpdate().execute();
  if (port.device_id !== '' || port.binding_host !== '') throw portInUse(port.id, port.network_id, port.device_id);
  ctx.authorize('update_port', ports.target(port));
  if (port.fixed_ips.length === 0) throw badRequest('router', `Router port must have at least one fixed IP`);
  const own = await tx
    .selectFrom('subnets')
    .select(['id', 'cidr'])
    .where(
      'id',
      'in',
      port.fixed_ips.map((ip) => ip.subnet_id),
    )
    .execute();
  await checkOverlaps(tx, router, own);
  for (const group of port.security_groups) touched.groups.add(group);
  await tx.deleteFrom('port_security_groups').where('port_id', '=', port.id).execute();
  await tx
    .updateTable('ports')
    .set({
      device_id: router.id,
      device_owner: deviceOwner.routerInterface,
      port_security_enabled: false,
      allowed_address_pairs: '[]',
      status: deps.dataPlane === 'none' ? 'ACTIVE' : 'DOWN',
      revision_number: port.revision_number + 1,
    })
    .where('id', '=', port.id)
    .execute();
  return port.id;
}

/** A router has at most one port on a subnet, and no two subnets it could confuse. */
async function checkOverlaps(
  tx: Work['tx'],
  router: RouterRow,
  added: readonly { readonly id: string; readonly cidr: string }[],
): Promise<void> {
  const { rows } = await sql<{ id: string; cidr: string }>`SELECT DISTINCT s.id, s.cidr::text AS cidr FROM ports p
    JOIN ip_allocations a ON a.port_id = p.id JOIN subnets s ON s.id = a.subnet_id
    WHERE p.device_id = ${router.id} AND p.device_owner IN (${deviceOwner.routerInterface}, ${deviceOwner.routerGateway})`.execute(tx);
  for (const subnet of added) {
    for (const held of rows) {
      if (held.id === subnet.id) throw badRequest('router', `Router already has a port on subnet ${subnet.id}`);
      const [a, b] = [parsePrefix(subnet.cidr), parsePrefix(held.cidr)];
      if (a !== null && b !== null && prefixesOverlap(a, b)) {
        throw badRequest('router', `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${held.cidr} of subnet ${held.id}`);
      }
    }
  }
}

/** Disconnects a router from a subnet that no floating IP and no route of it needs. */
export async function removeRouterInterface(
  { deps, tx, touched }: Work,
  router: RouterRow,
  asked: Asked,
): Promise<Record<string, unknown>> {
  if (asked.subnet_id === undefined && asked.port_id === undefined)
    throw badRequest('router', 'Either subnet_id or port_id must be specified');
  const own = await tx
    .selectFrom('port_details')
    .selectAll()
    .where('device_id', '=', router.id)
    .where('device_owner', '=', deviceOwner.routerInterface)
    .execute();
  const port = own.find(
    (each) =>
      (asked.port_id === undefined || each.id === asked.port_id) &&
      (asked.subnet_id === undefined || each.fixed_ips.some((ip) => ip.subnet_id === asked.subnet_id)),
  );
  if (port === undefined) {
    throw asked.port_id === undefined
      ? routerInterfaceNotFound(router.id, 'on subnet', asked.subnet_id ?? '')
      : routerInterfaceNotFound(router.id, 'with id', asked.port_id);
  }
  for (const { subnet_id: subnetId } of port.fixed_ips) {
    const { rows } =
      await sql`SELECT 1 FROM floating_ips f JOIN ip_allocations a ON a.port_id = f.port_id AND a.ip_address = f.fixed_ip_address
      WHERE f.router_id = ${router.id} AND a.subnet_id = ${subnetId} LIMIT 1`.execute(tx);
    if (rows.length > 0) throw interfaceInUseByFloatingIp(router.id, subnetId);
    const { cidr } = await tx.selectFrom('subnets').select('cidr').where('id', '=', subnetId).executeTakeFirstOrThrow();
    const prefix = parsePrefix(cidr);
    const needed = router.routes.some(({ nexthop }) => {
      const hop = parseAddress(nexthop);
      return hop !== null && prefix !== null && isWithinPrefix(hop, prefix);
    });
    if (needed) throw interfaceInUseByRoute(router.id, subnetId);
  }
  await tx.deleteFrom('ports').where('id', '=', port.id).execute();
  await tx
    .updateTable('routers')
    .set({ revision_number: router.revision_number + 1, updated_at: new Date(deps.clock.now()) })
    .where('id', '=', router.id)
    .execute();
  touched.routers.add(router.id);
  touched.networks.add(port.network_id);
  return answer(router, port, asked.subnet_id);
}
