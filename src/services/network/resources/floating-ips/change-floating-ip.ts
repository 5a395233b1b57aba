import { sql } from 'kysely';
import { find, scopeOf } from '../../collection.ts';
import { queueEvent } from '../../compute-events/queue-event.ts';
import { badRequest, floatingIpPortTaken, noGatewayForFloatingIp, noMoreAddresses } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import { brokenConstraint } from '../../store/write.ts';
import { networks } from '../networks/collection.ts';
import { ports } from '../ports/collection.ts';
import { deviceOwner } from '../ports/device-owners.ts';
import { insertPort } from '../ports/insert-port.ts';
import type { FloatingIpChanges, NewFloatingIp } from './bodies.ts';
import type { FloatingIpRow } from './collection.ts';

/** Takes an address of an external network for a project, and leads it to a port where one is named. */
export async function createFloatingIp(work: Work, body: NewFloatingIp, projectId: string): Promise<string> {
  const { deps, ctx, tx, touched } = work;
  if (typeof body.floating_ip_address === 'string')
    ctx.authorize('create_floatingip:floating_ip_address', { project_id: projectId, tenant_id: projectId });
  const network = await find(tx, networks, scopeOf(ctx), body.floating_network_id);
  if (!network.external) throw badRequest('floatingip', `Network ${network.id} is not a valid external network`);
  await enforceQuota(tx, projectId, 'floatingip', 1);
  const id = deps.ids.uuid();
  const asked = {
    ...(body.subnet_id ? { subnet_id: body.subnet_id } : {}),
    ...(body.floating_ip_address ? { ip_address: body.floating_ip_address } : {}),
  };
  const portId = await insertPort(tx, touched, deps, {
    projectId: '', // nobody's, so that its owner cannot change it past the floating IP
    networkId: network.id,
    fixedIps: Object.keys(asked).length === 0 ? 'ipv4' : [asked],
    deviceId: id,
    deviceOwner: deviceOwner.floatingIp,
    status: 'ACTIVE',
    portSecurityEnabled: false,
  });
  const held = await tx
    .selectFrom('ip_allocations')
    .select(sql<string>`host(ip_address)`.as('ip'))
    .where('port_id', '=', portId)
    .execute();
  const address = held.find(({ ip }) => !ip.includes(':'))?.ip;
  if (address === undefined) throw noMoreAddresses(network.id);
  const now = new Date(deps.clock.now());
  await tx
    .insertInto('floating_ips')
    .values({
      id,
      project_id: projectId,
      name: '',
      description: body.description ?? '',
      created_at: now,
      updated_at: now,
      floating_network_id: network.id,
      floating_ip_address: address,
      floating_port_id: portId,
      port_id: null,
      fixed_ip_address: null,
      router_id: null,
      status: 'DOWN',
      dns_name: body.dns_name ?? '',
      dns_domain: body.dns_domain ?? '',
    })
    .execute();
  if (typeof body.port_id === 'string')
    await associate(
      work,
      { id, floating_network_id: network.id, floating_ip_address: address },
      body.port_id,
      body.fixed_ip_address ?? null,
    );
  else if (typeof body.fixed_ip_address === 'string')
    throw badRequest('floatingip', 'fixed_ip_address cannot be specified without a port_id');
  return id;
}

export async function updateFloatingIp(work: Work, floatingIp: FloatingIpRow, body: FloatingIpChanges): Promise<void> {
  const { deps, tx } = work;
  const portId = body.port_id === undefined && body.fixed_ip_address !== undefined ? floatingIp.port_id : body.port_id;
  if (portId !== undefined) await dissociate(work, floatingIp);
  if (typeof portId === 'string') await associate(work, floatingIp, portId, body.fixed_ip_address ?? null);
  else if (typeof body.fixed_ip_address === 'string')
    throw badRequest('floatingip', 'fixed_ip_address cannot be specified without a port_id');
  await tx
    .updateTable('floating_ips')
    .set({
      description: body.description ?? floatingIp.description,
      revision_number: floatingIp.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', floatingIp.id)
    .execute();
}

export async function deleteFloatingIp(work: Work, floatingIp: FloatingIpRow): Promise<void> {
  const { tx, touched } = work;
  await dissociate(work, floatingIp);
  await tx.deleteFrom('floating_ips').where('id', '=', floatingIp.id).execute();
  await tx.deleteFrom('ports').where('id', '=', floatingIp.floating_port_id).execute();
  touched.leases.add(floatingIp.floating_network_id);
}

async function dissociate({ deps, tx, touched }: Work, floatingIp: FloatingIpRow): Promise<void> {
  if (floatingIp.port_id === null) return;
  if (floatingIp.router_id !== null) touched.routers.add(floatingIp.router_id);
  await tx
    .updateTable('floating_ips')
    .set({ port_id: null, fixed_ip_address: null, router_id: null, status: 'DOWN' })
    .where('id', '=', floatingIp.id)
    .execute();
  const port = await tx
    .selectFrom('ports')
    .select(['id', 'device_id', 'device_owner'])
    .where('id', '=', floatingIp.port_id)
    .executeTakeFirst();
  if (port !== undefined) await queueEvent({ tx, touched, now: deps.clock.now() }, 'network-changed', port);
}

/** Leads a floating IP to an address of a port, through the router that connects the port's subnet with the floating IP's network. */
async function associate(
  { deps, ctx, tx, touched }: Work,
  floatingIp: Pick<FloatingIpRow, 'id' | 'floating_network_id' | 'floating_ip_address'>,
  portId: string,
  fixedIp: string | null,
): Promise<void> {
  const port = await find(tx, ports, scopeOf(ctx), portId);
  const own = port.fixed_ips.filter((ip) => !ip.ip_address.includes(':'));
  if (own.length === 0) throw badRequest('floatingip', `Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses`);
  if (fixedIp === null && own.length > 1) {
    throw badRequest(
      'floatingip',
      `Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
    );
  }
  const inside = fixedIp === null ? own[0] : own.find((ip) => ip.ip_address === fixedIp);
  if (inside === undefined) throw badRequest('floatingip', `Port ${port.id} does not have fixed ip ${String(fixedIp)}`);
  const { rows } = await sql<{
    id: string;
  }>`SELECT r.id FROM routers r JOIN ports p ON p.device_id = r.id AND p.device_owner = ${deviceOwner.routerInterface}
    JOIN ip_allocations a ON a.port_id = p.id JOIN subnets s ON s.id = a.subnet_id
    WHERE a.subnet_id = ${inside.subnet_id} AND r.gateway_network_id = ${floatingIp.floating_network_id}
    ORDER BY (a.ip_address = s.gateway_ip) DESC NULLS LAST, r.id LIMIT 1 FOR SHARE OF r`.execute(tx);
  const router = rows[0]?.id;
  if (router === undefined) throw noGatewayForFloatingIp(floatingIp.floating_network_id, inside.subnet_id, port.id);
  await tx
    .updateTable('floating_ips')
    .set({
      port_id: port.id,
      fixed_ip_address: inside.ip_address,
      router_id: router,
      status: deps.dataPlane === 'none' ? 'ACTIVE' : 'DOWN',
    })
    .where('id', '=', floatingIp.id)
    .execute()
    .catch((error: unknown) => {
      throw brokenConstraint(error) === 'floating_ips_fixed'
        ? floatingIpPortTaken(floatingIp.floating_ip_address, port.id, inside.ip_address)
        : error;
    });
  touched.routers.add(router);
  await queueEvent({ tx, touched, now: deps.clock.now() }, 'network-changed', port);
}
