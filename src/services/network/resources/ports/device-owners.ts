/** Who uses a port, where it is part of the network itself (`device_owner`). */
export const deviceOwner = {
  dhcp: 'network:dhcp',
  routerInterface: 'network:router_interface',
  routerGateway: 'network:router_gateway',
  floatingIp: 'network:floatingip',
} as const;

/** Ports that come and go with their network. */
export const isAutomatic = (owner: string): boolean => owner === deviceOwner.dhcp;

/** Ports that only their router or floating IP may delete. */
export const isRouters = (owner: string): boolean =>
  owner === deviceOwner.routerInterface || owner === deviceOwner.routerGateway || owner === deviceOwner.floatingIp;

/** Whether an owner claims to be part of the network, which guests must not. */
export const isNetworkDevice = (owner: string): boolean => owner.startsWith('network:');

export const isServers = (owner: string): boolean => owner.startsWith('compute:');
