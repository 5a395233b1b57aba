import { invalidAddressForNetwork, invalidAddressForSubnet, invalidInput, noMoreAddresses, subnetNotFound } from '../neutron-errors.ts';
import { KilonovaError } from '../../../lib/errors.ts';
import type { FixedIpOfPort, Tx } from '../store/tables.ts';
import { eui64Address, formatAddress, isWithinPrefix, parseAddress, prefixOfCidr, rangeOf, type Prefix } from './prefix.ts';
import { takeAddress, takeFreeAddress } from './take-address.ts';

/** What a request says of one address of a port: the address, the subnet, or both. */
export interface AskedAddress {
  readonly subnet_id?: string | null;
  readonly ip_address?: string | null;
}

export interface SubnetForAddresses {
  readonly id: string;
  readonly ip_version: number;
  readonly cidr: string;
  readonly gateway_ip: string | null;
  readonly ipv6_address_mode: string | null;
}

/** Subnets whose hosts make their address from their MAC address. */
const isAutomatic = ({ ipv6_address_mode: mode }: SubnetForAddresses): boolean => mode === 'slaac' || mode === 'dhcpv6-stateless';

const prefixOf = (subnet: SubnetForAddresses): Prefix => prefixOfCidr(subnet.cidr);

export const subnetsOfNetwork = (tx: Tx, networkId: string): Promise<SubnetForAddresses[]> =>
  tx
    .selectFrom('subnets')
    .select(['id', 'ip_version', 'cidr', 'gateway_ip', 'ipv6_address_mode'])
    .where('network_id', '=', networkId)
    .orderBy('id')
    .execute();

interface PortForAddresses {
  readonly id: string;
  readonly network_id: string;
  readonly mac_address: string;
}

/** Gives a new port the addresses that were asked for; where none were, one of each IP version (or of IPv4 alone) and those it makes itself. */
export async function giveAddresses(tx: Tx, port: PortForAddresses, asked: readonly AskedAddress[] | 'ipv4' | null): Promise<void> {
  const subnets = await subnetsOfNetwork(tx, port.network_id);
  if (asked === 'ipv4') {
    await takeFromAny(
      tx,
      port,
      subnets.filter((subnet) => subnet.ip_version === 4),
    );
  } else if (asked === null) {
    for (const version of [4, 6]) {
      const choices = subnets.filter((subnet) => subnet.ip_version === version && !isAutomatic(subnet));
      if (choices.length > 0) await takeFromAny(tx, port, choices);
    }
    await take(
      tx,
      port,
      subnets,
      subnets.filter(isAutomatic).map(({ id }) => ({ subnet_id: id })),
    );
  } else {
    await take(tx, port, subnets, asked);
  }
}

/** Makes a port's addresses those that are asked for: what fits stays, the rest goes, what is missing is taken. */
export async function changeAddresses(
  tx: Tx,
  port: PortForAddresses,
  current: readonly FixedIpOfPort[],
  asked: readonly AskedAddress[],
): Promise<void> {
  if (asked.some((address) => typeof address.ip_address !== 'string' && typeof address.subnet_id !== 'string')) throw saysNothing();
  const subnets = await subnetsOfNetwork(tx, port.network_id);
  const free = [...current];
  const missing: AskedAddress[] = [];
  const byAddress = asked.filter((address) => typeof address.ip_address === 'string');
  const bySubnet = asked.filter((address) => typeof address.ip_address !== 'string');
  for (const address of [...byAddress, ...bySubnet]) {
    const wanted = typeof address.ip_address === 'string' ? canonical(address.ip_address) : null;
    const kept = free.findIndex(
      (held) =>
        (wanted === null || held.ip_address === wanted) && (typeof address.subnet_id !== 'string' || held.subnet_id === address.subnet_id),
    );
    if (kept < 0) missing.push(address);
    else free.splice(kept, 1);
  }
  for (const { subnet_id: subnetId, ip_address: ip } of free) {
    await tx
      .deleteFrom('ip_allocations')
      .where('subnet_id', '=', subnetId)
      .where('ip_address', '=', ip)
      .where('port_id', '=', port.id)
      .execute();
  }
  await take(tx, port, subnets, missing);
}

function canonical(text: string): string {
  const address = parseAddress(text);
  if (address === null) throw invalidInput(`'${text.slice(0, 100)}' is not a valid IP address`);
  return formatAddress(address);
}

const saysNothing = (): KilonovaError => invalidInput('IP allocation requires subnet_id or ip_address');

async function take(tx: Tx, port: PortForAddresses, subnets: readonly SubnetForAddresses[], asked: readonly AskedAddress[]): Promise<void> {
  for (const { subnet_id: subnetId, ip_address: ip } of asked) {
    const named = typeof subnetId === 'string' ? subnets.find((subnet) => subnet.id === subnetId) : null;
    if (named === undefined) throw await strangeSubnet(tx, String(subnetId), port.network_id);
    if (typeof ip !== 'string') {
      if (named === null) throw saysNothing();
      if (isAutomatic(named)) await takeAddress(tx, named.id, port.id, formatAddress(eui64Address(prefixOf(named), port.mac_address)));
      else await takeFreeAddress(tx, named.id, port.id);
      continue;
    }
    const text = canonical(ip);
    const address = parseAddress(text);
    if (address === null) throw invalidAddressForNetwork(text);
    const subnet = named ?? subnets.find((each) => isWithinPrefix(address, prefixOf(each)));
    if (subnet === undefined) throw invalidAddressForNetwork(text);
    const prefix = prefixOf(subnet);
    const { first, last } = rangeOf(prefix);
    const isEdge = prefix.version === 4 && prefix.length < 31 && (address.value === first || address.value === last);
    if (!isWithinPrefix(address, prefix) || isEdge) throw invalidAddressForSubnet(text);
    await takeAddress(tx, subnet.id, port.id, text);
  }
}

async function strangeSubnet(tx: Tx, subnetId: string, networkId: string): Promise<KilonovaError> {
  const exists = await tx.selectFrom('subnets').select('id').where('id', '=', subnetId).executeTakeFirst();
  return exists === undefined
    ? subnetNotFound(subnetId)
    : invalidInput(`Failed to create port on network ${networkId}, because fixed_ips included invalid subnet ${subnetId}`);
}

/** The first subnet with room; which one a port gets does not matter, as none was named. */
async function takeFromAny(tx: Tx, port: PortForAddresses, subnets: readonly SubnetForAddresses[]): Promise<void> {
  for (const subnet of subnets) {
    try {
      await takeFreeAddress(tx, subnet.id, port.id);
      return;
    } catch (error) {
      if (!(error instanceof KilonovaError && error.code === 'IpAddressGenerationFailureForSubnet')) throw error;
    }
  }
  throw noMoreAddresses(port.network_id);
}
