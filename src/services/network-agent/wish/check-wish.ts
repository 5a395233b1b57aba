import type {
  HostWish,
  WishedLease,
  WishedNetwork,
  WishedPort,
  WishedRouter,
  WishedSecurityGroup,
} from '../../../contracts/network-agent.ts';
import { invalid, messageOf } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import {
  contains,
  parseAddress,
  parseInterfaceAddress,
  parseMac,
  parsePrefix,
  type InterfaceAddress,
  type IpAddress,
  type IpPrefix,
  type MacAddress,
} from '../address.ts';
import { tapName } from '../names.ts';
import type {
  CheckedGroup,
  CheckedLease,
  CheckedNetwork,
  CheckedPort,
  CheckedRoute,
  CheckedRouter,
  CheckedSubnet,
  CheckedWish,
} from './checked-wish.ts';
import { checkRule } from './check-rule.ts';
import type { Problem } from './problem.ts';

/**
 * Parses every value of a wish. What cannot be understood is left out and told as a problem of its own resource, so that one tenant's
 * bad value stops nobody else; a port that is left out has its device closed, and a rule that is left out permits nothing.
 */
export function checkWish(wish: HostWish): { readonly wish: CheckedWish; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const each = <Raw extends { readonly id: string }, T>(resource: string, items: readonly Raw[], check: (item: Raw) => T): readonly T[] =>
    items.flatMap((item) => {
      try {
        uuid(item.id);
        if (seen.has(`${resource} ${item.id}`)) throw invalid('It stands in the wish twice.');
        seen.add(`${resource} ${item.id}`);
        return [check(item)];
      } catch (error) {
        problems.push({ resource, id: item.id.slice(0, 64), message: messageOf(error) });
        return [];
      }
    });
  const networks = each('network', wish.networks, (network) => checkNetwork(network, problems));
  const subnetsOf = new Map(networks.map((network) => [network.id, network.subnets]));
  const ports = each('port', wish.ports, checkPort);
  const understood = new Set(ports.map((port) => port.id));
  const open = new Set(wish.ports.filter((port) => port.adminStateUp && understood.has(port.id)).map((port) => port.id));
  return {
    wish: {
      revision: wish.revision,
      networks,
      ports: ports.filter((port) => open.has(port.id)),
      closedDevices: wish.ports.filter((port) => isUuid(port.id) && !open.has(port.id)).map((port) => tapName(port.id)),
      routers: each('router', wish.routers, (router) => checkRouter(router, subnetsOf)),
      groups: each('security group', wish.securityGroups, (group) => checkGroup(group, problems)),
      peers: (wish.peers ?? []).flatMap(({ host, tunnelIp }) => {
        const address = parseAddress(tunnelIp);
        if (address === null)
          problems.push({ resource: 'host', id: host, message: `Its tunnel address ${shown(tunnelIp)} is not an IP address.` });
        return address === null ? [] : [address];
      }),
    },
    problems,
  };
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'undefined';

function required<T>(value: T | null, what: string, raw: unknown): T {
  if (value === null) throw invalid(`${shown(raw)} is not ${what}.`);
  return value;
}

const uuid = (text: string): string => required(isUuid(text) ? text : null, 'a UUID', text);
const mac = (text: string): MacAddress => required(parseMac(text), 'a MAC address', text);
const address = (text: string): IpAddress => required(parseAddress(text), 'an IP address', text);
const prefix = (text: string): IpPrefix => required(parsePrefix(text), 'an address range', text);
const integer = (value: number, min: number, max: number, what: string): number =>
  required(Number.isInteger(value) && value >= min && value <= max ? value : null, what, value);

const route = ({ destination, nexthop }: { readonly destination: string; readonly nexthop: string }): CheckedRoute => ({
  destination: prefix(destination),
  nexthop: address(nexthop),
});

/** An interface's address; without a prefix length it takes the one of the subnet that holds it. */
function interfaceAddress(text: string, subnets: readonly CheckedSubnet[]): InterfaceAddress {
  const parsed = required(parseInterfaceAddress(text), 'an interface address', text);
  if (text.includes('/')) return parsed;
  const subnet = subnets.find((candidate) => contains(candidate.prefix, parsed.address));
  return subnet === undefined ? parsed : required(parseInterfaceAddress(`${text}/${subnet.prefix.length}`), 'an interface address', text);
}

function checkNetwork(network: WishedNetwork, problems: Problem[]): CheckedNetwork {
  const subnets = network.subnets.map((subnet): CheckedSubnet => ({
    id: uuid(subnet.id),
    prefix: prefix(subnet.cidr),
    gateway: subnet.gatewayIp === null ? null : address(subnet.gatewayIp),
    dhcpEnabled: subnet.dhcpEnabled,
    nameservers: subnet.dnsNameservers.map(address),
    hostRoutes: subnet.hostRoutes.map(route),
  }));
  return {
    id: network.id,
    mtu: integer(network.mtu, 576, 65_535, 'an MTU'),
    external: network.external,
    segmentationId: network.segmentationId === null ? null : integer(network.segmentationId, 1, 16_777_215, 'a VXLAN network identifier'),
    dhcp:
      network.dhcp === null
        ? null
        : {
            portId: uuid(network.dhcp.portId),
            mac: mac(network.dhcp.macAddress),
            addresses: network.dhcp.addresses.map((text) => interfaceAddress(text, subnets)),
          },
    subnets,
    leases: network.leases.flatMap((lease) => {
      try {
        return [checkLease(lease)];
      } catch (error) {
        problems.push({ resource: 'port', id: lease.portId.slice(0, 64), message: messageOf(error) }); // it alone gets no address
        return [];
      }
    }),
  };
}

const checkLease = (lease: WishedLease): CheckedLease => ({
  portId: uuid(lease.portId),
  mac: mac(lease.macAddress),
  address: address(lease.ipAddress),
  hostName: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(lease.hostName) ? lease.hostName.toLowerCase() : null,
  deviceId: lease.deviceId !== null && isUuid(lease.deviceId) ? lease.deviceId : null,
  projectId: lease.projectId !== null && /^[\w-]{1,64}$/.test(lease.projectId) ? lease.projectId : null,
});

function checkPort(port: WishedPort): CheckedPort {
  if (port.device !== tapName(port.id)) throw invalid(`${shown(port.device)} is not the device name of this port.`);
  return {
    id: port.id,
    networkId: uuid(port.networkId),
    device: tapName(port.id),
    mac: mac(port.macAddress),
    addresses: port.ipAddresses.map(address),
    pairs: port.allowedAddressPairs.map((pair) => ({ mac: mac(pair.macAddress), prefix: prefix(pair.ipAddress) })),
    portSecurity: port.portSecurityEnabled,
    groupIds: port.securityGroupIds.map(uuid),
  };
}

function checkRouter(router: WishedRouter, subnetsOf: ReadonlyMap<string, readonly CheckedSubnet[]>): CheckedRouter {
  const side = (raw: WishedRouter['interfaces'][number]): CheckedRouter['interfaces'][number] => ({
    portId: uuid(raw.portId),
    networkId: uuid(raw.networkId),
    mac: mac(raw.macAddress),
    addresses: raw.addresses.map((text) => interfaceAddress(text, subnetsOf.get(raw.networkId) ?? [])),
  });
  const { gateway } = router;
  return {
    id: router.id,
    interfaces: router.interfaces.map(side),
    gateway:
      gateway === null
        ? null
        : { ...side(gateway), nextHop: gateway.nextHop === null ? null : address(gateway.nextHop), snat: gateway.snat },
    routes: router.routes.map(route),
    floatingIps: router.floatingIps.map((each) => ({ floating: address(each.floatingIpAddress), fixed: address(each.fixedIpAddress) })),
  };
}

function checkGroup(group: WishedSecurityGroup, problems: Problem[]): CheckedGroup {
  return {
    id: group.id,
    members: group.memberAddresses.map(prefix),
    rules: group.rules.flatMap((rule) => {
      try {
        return [checkRule(rule)];
      } catch (error) {
        problems.push({ resource: 'security group rule', id: rule.id.slice(0, 64), message: messageOf(error) });
        return [];
      }
    }),
  };
}
