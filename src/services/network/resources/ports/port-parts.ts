import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../addresses/prefix.ts';
import { findAll, type Scope } from '../../collection.ts';
import { invalidInput, pairsNeedPortSecurity, portSecurityOff, securityGroupNotFound } from '../../neutron-errors.ts';
import type { AddressPair, DhcpOption, Tx } from '../../store/tables.ts';
import { securityGroups } from '../security-groups/collection.ts';

/** Addresses a port may use besides its own, in one spelling; each pair once. */
export function readPairs(
  asked: readonly { readonly ip_address: string; readonly mac_address?: string | null }[] | null,
  portMac: string,
): AddressPair[] {
  const pairs = (asked ?? []).map(({ ip_address: ip, mac_address: mac }) => {
    const address = parseAddress(ip);
    const prefix = parsePrefix(ip);
    if (address === null && prefix === null) throw invalidInput(`'${ip.slice(0, 100)}' is not a valid IP subnet`);
    const text = address === null ? formatPrefix(prefix ?? { version: 4, value: 0n, length: 32 }) : formatAddress(address);
    return { ip_address: text, mac_address: (mac ?? portMac).toLowerCase() };
  });
  if (new Set(pairs.map((pair) => `${pair.ip_address} ${pair.mac_address}`)).size !== pairs.length)
    throw invalidInput('Request contains duplicate address pair');
  return pairs;
}

export const readDhcpOptions = (
  asked:
    | readonly { readonly opt_name: string; readonly opt_value?: string | null; readonly ip_version?: number | string }[]
    | null
    | undefined,
): DhcpOption[] =>
  (asked ?? []).flatMap(({ opt_name: name, opt_value: value, ip_version: version }) =>
    value === null || value === undefined ? [] : [{ opt_name: name, opt_value: value, ip_version: Number(version ?? 4) }],
  );

/** The groups a port is to have, which must be visible to whoever asks and fit its port security. */
export async function checkGroups(tx: Tx, scope: Scope, asked: readonly string[], portSecurityEnabled: boolean): Promise<string[]> {
  const wanted = [...new Set(asked)];
  if (wanted.length === 0) return [];
  if (!portSecurityEnabled) throw portSecurityOff();
  const known = new Set((await findAll(tx, securityGroups, scope, wanted)).map(({ id }) => id));
  const missing = wanted.find((id) => !known.has(id));
  if (missing !== undefined) throw securityGroupNotFound(missing);
  return wanted;
}

export function checkPairs(pairs: readonly AddressPair[], portSecurityEnabled: boolean): void {
  if (pairs.length > 0 && !portSecurityEnabled) throw pairsNeedPortSecurity();
}
