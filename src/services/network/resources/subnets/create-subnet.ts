import { sql } from 'kysely';
import { keepDhcpPort } from '../../addresses/dhcp-port.ts';
import { formatAddress, formatPrefix, parsePrefix, prefixesOverlap } from '../../addresses/prefix.ts';
import { find, scopeOf } from '../../collection.ts';
import { invalidInput } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import { networks, networkTarget } from '../networks/collection.ts';
import type { NewSubnet } from './bodies.ts';
import { checkIpv6Modes, readCidr, readGateway, readNameservers, readPools, readRoutes } from './subnet-plan.ts';

/** Makes a subnet on a network the caller owns, and a DHCP port where it has DHCP. */
export async function createSubnet({ deps, ctx, tx, touched }: Work, body: NewSubnet, projectId: string): Promise<string> {
  const network = await find(tx, networks, scopeOf(ctx), body.network_id);
  ctx.authorize('create_subnet', { ...networkTarget(network), project_id: projectId, tenant_id: projectId });
  await enforceQuota(tx, projectId, 'subnet', 1);
  // held until the end, so that two overlapping subnets cannot be made at once, nor one on a network that is being deleted
  await tx.selectFrom('networks').select('id').where('id', '=', network.id).forUpdate().execute();
  const prefix = readCidr(body.cidr, Number(body.ip_version));
  const others = await tx.selectFrom('subnets').select(['id', 'cidr']).where('network_id', '=', network.id).execute();
  for (const other of others) {
    const held = parsePrefix(other.cidr);
    if (held !== null && prefixesOverlap(prefix, held)) {
      throw invalidInput(`Requested subnet with cidr: ${formatPrefix(prefix)} for network: ${network.id} overlaps with another subnet`);
    }
  }
  checkIpv6Modes(body, prefix);
  const gateway = readGateway(body.gateway_ip, prefix);
  const pools = readPools(body.allocation_pools, prefix, gateway);
  const id = deps.ids.uuid();
  const now = new Date(deps.clock.now());
  await tx
    .insertInto('subnets')
    .values({
      id,
      project_id: projectId,
      name: body.name ?? '',
      description: body.description ?? '',
      created_at: now,
      updated_at: now,
      network_id: network.id,
      ip_version: prefix.version,
      cidr: formatPrefix(prefix),
      gateway_ip: gateway === null ? null : formatAddress({ version: prefix.version, value: gateway }),
      enable_dhcp: body.enable_dhcp ?? true,
      ipv6_ra_mode: body.ipv6_ra_mode ?? null,
      ipv6_address_mode: body.ipv6_address_mode ?? null,
      dns_nameservers: readNameservers(body.dns_nameservers),
      host_routes: JSON.stringify(readRoutes(body.host_routes)),
      service_types: [...(body.service_types ?? [])],
      next_ip: null,
    })
    .execute();
  const address = (value: bigint): string => formatAddress({ version: prefix.version, value });
  if (pools.length > 0) {
    await tx
      .insertInto('allocation_pools')
      .values(pools.map(({ first, last }) => ({ subnet_id: id, first_ip: address(first), last_ip: address(last) })))
      .execute();
  }
  await sql`UPDATE networks SET revision_number = revision_number + 1, updated_at = ${now} WHERE id = ${network.id}`.execute(tx);
  await keepDhcpPort(tx, touched, deps, network.id);
  return id;
}
