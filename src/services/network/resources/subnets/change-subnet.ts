import { sql } from 'kysely';
import { keepDhcpPort } from '../../addresses/dhcp-port.ts';
import { formatAddress, parseAddress, prefixOfCidr } from '../../addresses/prefix.ts';
import { gatewayInPools, gatewayIpInUse, subnetInUse } from '../../neutron-errors.ts';
import type { Work } from '../../resource-routes.ts';
import { deviceOwner } from '../ports/device-owners.ts';
import type { SubnetChanges } from './bodies.ts';
import type { SubnetRow } from './collection.ts';
import { poolText, readGateway, readNameservers, readPools, readRoutes } from './subnet-plan.ts';

/** Changes a subnet. Its gateway stays while a router has that address. */
export async function updateSubnet({ deps, tx, touched }: Work, subnet: SubnetRow, body: SubnetChanges): Promise<void> {
  const prefix = prefixOfCidr(subnet.cidr);
  const before = subnet.gateway_ip === null ? null : (parseAddress(subnet.gateway_ip)?.value ?? null);
  const gateway = body.gateway_ip === undefined ? before : readGateway(body.gateway_ip, prefix);
  if (gateway !== before && subnet.gateway_ip !== null) {
    const { rows } = await sql<{ id: string }>`SELECT p.id FROM ip_allocations a JOIN ports p ON p.id = a.port_id
      WHERE a.subnet_id = ${subnet.id} AND a.ip_address = ${subnet.gateway_ip} AND p.device_owner = ${deviceOwner.routerInterface}`.execute(
      tx,
    );
    if (rows[0] !== undefined) throw gatewayIpInUse(subnet.gateway_ip, rows[0].id);
  }
  const address = (value: bigint): string => formatAddress({ version: prefix.version, value });
  if (body.allocation_pools !== undefined) {
    const pools = readPools(body.allocation_pools, prefix, gateway);
    await tx.deleteFrom('allocation_pools').where('subnet_id', '=', subnet.id).execute();
    if (pools.length > 0)
      await tx
        .insertInto('allocation_pools')
        .values(pools.map(({ first, last }) => ({ subnet_id: subnet.id, first_ip: address(first), last_ip: address(last) })))
        .execute();
  } else if (gateway !== null && gateway !== before) {
    for (const { start, end } of subnet.allocation_pools) {
      const [first, last] = [parseAddress(start)?.value ?? 0n, parseAddress(end)?.value ?? 0n];
      if (gateway >= first && gateway <= last) throw gatewayInPools(address(gateway), poolText(prefix, { first, last }));
    }
  }
  await tx
    .updateTable('subnets')
    .set({
      name: body.name ?? subnet.name,
      description: body.description ?? subnet.description,
      gateway_ip: gateway === null ? null : address(gateway),
      enable_dhcp: body.enable_dhcp ?? subnet.enable_dhcp,
      dns_nameservers: body.dns_nameservers === undefined ? subnet.dns_nameservers : readNameservers(body.dns_nameservers),
      host_routes: JSON.stringify(body.host_routes === undefined ? subnet.host_routes : readRoutes(body.host_routes)),
      service_types: body.service_types === undefined ? subnet.service_types : [...body.service_types],
      ...(body.allocation_pools === undefined ? {} : { next_ip: null }),
      revision_number: subnet.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', subnet.id)
    .execute();
  await keepDhcpPort(tx, touched, deps, subnet.network_id);
  const { rows: routers } = await sql<{
    device_id: string;
  }>`SELECT DISTINCT p.device_id FROM ip_allocations a JOIN ports p ON p.id = a.port_id
    WHERE a.subnet_id = ${subnet.id} AND p.device_owner IN (${deviceOwner.routerInterface}, ${deviceOwner.routerGateway})`.execute(tx);
  for (const { device_id: router } of routers) touched.routers.add(router);
}

/** Deletes a subnet. Only the DHCP server and addresses that hosts make themselves may still be on it. */
export async function deleteSubnet({ tx, touched, deps }: Work, subnet: SubnetRow): Promise<void> {
  const isSelfMade = subnet.ipv6_address_mode === 'slaac' || subnet.ipv6_address_mode === 'dhcpv6-stateless';
  await tx.selectFrom('networks').select('id').where('id', '=', subnet.network_id).forUpdate().execute();
  const { rows } = await sql<{ device_owner: string }>`SELECT p.device_owner FROM ip_allocations a JOIN ports p ON p.id = a.port_id
    WHERE a.subnet_id = ${subnet.id} AND p.device_owner <> ${deviceOwner.dhcp}`.execute(tx);
  const stops = isSelfMade ? rows.filter((row) => row.device_owner === deviceOwner.routerInterface) : rows;
  if (stops.length > 0) throw subnetInUse(subnet.id);
  await tx.deleteFrom('ip_allocations').where('subnet_id', '=', subnet.id).execute();
  await tx.deleteFrom('subnets').where('id', '=', subnet.id).execute();
  await sql`UPDATE networks SET revision_number = revision_number + 1 WHERE id = ${subnet.network_id}`.execute(tx);
  await keepDhcpPort(tx, touched, deps, subnet.network_id);
}
