import { createHash } from 'node:crypto';

/** Names on the host are derived from ids, Neutron's way, so that anybody can find the device of a port and nothing has to be remembered. */
export const bridgeName = (networkId: string): string => `brq${networkId.slice(0, 11)}`;
export const vxlanName = (networkId: string): string => `vx-${networkId.slice(0, 11)}`;
export const tapName = (portId: string): string => `tap${portId.slice(0, 11)}`;
export const dhcpNamespace = (networkId: string): string => `qdhcp-${networkId}`;
export const routerNamespace = (routerId: string): string => `qrouter-${routerId}`;

/** The end of a veth pair that is inside a namespace: of a DHCP server, a router's inner side, a router's gateway. */
export const insideName = (kind: 'ns' | 'qr' | 'qg', portId: string): string => `${kind}-${portId.slice(0, 11)}`;

/** The cloud's id as one word that nft and file systems take, different for different clouds. */
export function cloudWord(cloudId: string): string {
  if (/^[a-z0-9_]{1,40}$/.test(cloudId)) return cloudId;
  return `${cloudId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 32)}_${createHash('sha256').update(cloudId).digest('hex').slice(0, 8)}`;
}

/** The name of the cloud's nft tables, one in each family that is used. */
export const tableName = (cloudId: string): string => `kn_${cloudWord(cloudId)}`;

/** Files that live as long as the namespaces do (until the host restarts): configurations and pid files of DHCP servers and proxies. */
export const runDirectory = (cloudId: string): string => `/run/kilonova-network/${cloudWord(cloudId)}`;

/** A bridge's own address, fixed so that it does not change with the ports that come and go. */
export function bridgeMac(networkId: string): string {
  const hex = createHash('sha256').update(`bridge ${networkId}`).digest('hex');
  return ['0a', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4, 6), hex.slice(6, 8), hex.slice(8, 10)].join(':');
}
