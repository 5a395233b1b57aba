import { sql } from 'kysely';
import { addressInUse, noMoreAddressesOnSubnet } from '../neutron-errors.ts';
import type { Tx } from '../store/tables.ts';
import { Taken } from '../store/write.ts';

/** Gives a port this very address of a subnet. */
export async function takeAddress(tx: Tx, subnetId: string, portId: string, ipAddress: string): Promise<void> {
  const { rows } = await sql`INSERT INTO ip_allocations (subnet_id, ip_address, port_id) VALUES (${subnetId}, ${ipAddress}, ${portId})
    ON CONFLICT DO NOTHING RETURNING 1`.execute(tx);
  if (rows.length === 0) throw addressInUse(ipAddress, subnetId);
}

/**
 * Gives a port the next free address of a subnet's pools. The subnet's row is held until the transaction ends, so requests
 * choose one after another; the primary key of `ip_allocations` makes two owners of one address impossible all the same.
 */
export async function takeFreeAddress(tx: Tx, subnetId: string, portId: string): Promise<string> {
  const { rows: subnets } = await sql<{
    next_ip: string | null;
  }>`SELECT next_ip FROM subnets WHERE id = ${subnetId} FOR NO KEY UPDATE`.execute(tx);
  const from = subnets[0]?.next_ip ?? null;
  const ip = (await firstFree(tx, subnetId, from)) ?? (from === null ? null : await firstFree(tx, subnetId, null));
  if (ip === null) throw noMoreAddressesOnSubnet(subnetId);
  const { rows } = await sql`
    WITH taken AS (
      INSERT INTO ip_allocations (subnet_id, ip_address, port_id) VALUES (${subnetId}, ${ip}, ${portId}) ON CONFLICT DO NOTHING RETURNING subnet_id
    )
    UPDATE subnets SET next_ip = ${ip}::inet + 1 FROM taken WHERE subnets.id = taken.subnet_id RETURNING 1`.execute(tx);
  if (rows.length === 0) throw new Taken(`${ip} was taken by another request`); // one that names its address does not wait for the row
  return ip;
}

/** The lowest free address at or behind `from`: the beginning of a pool, or the one behind an address in use. */
async function firstFree(tx: Tx, subnetId: string, from: string | null): Promise<string | null> {
  const { rows } = await sql<{ ip: string }>`
    SELECT host(candidate.ip) AS ip
    FROM allocation_pools p CROSS JOIN LATERAL (
      SELECT greatest(p.first_ip, ${from}::inet) AS ip
      UNION ALL
      SELECT a.ip_address + 1 FROM ip_allocations a
      WHERE a.subnet_id = p.subnet_id AND a.ip_address >= greatest(p.first_ip, ${from}::inet) AND a.ip_address < p.last_ip
    ) candidate
    WHERE p.subnet_id = ${subnetId} AND candidate.ip <= p.last_ip
      AND NOT EXISTS (SELECT 1 FROM ip_allocations b WHERE b.subnet_id = p.subnet_id AND b.ip_address = candidate.ip)
    ORDER BY candidate.ip LIMIT 1`.execute(tx);
  return rows[0]?.ip ?? null;
}
