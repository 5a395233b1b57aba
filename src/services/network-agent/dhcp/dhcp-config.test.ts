import { describe, expect, it } from 'vitest';
import { parseAddress, parseInterfaceAddress, parseMac, parsePrefix } from '../address.ts';
import type { CheckedNetwork } from '../wish/checked-wish.ts';
import { dhcpConfig } from './dhcp-config.ts';

const id = '11111111-1111-4111-8111-111111111111';
const subnet = (cidr: string, more: Partial<CheckedNetwork['subnets'][number]> = {}): CheckedNetwork['subnets'][number] => ({
  id,
  prefix: parsePrefix(cidr)!,
  gateway: null,
  dhcpEnabled: true,
  nameservers: [],
  hostRoutes: [],
  ...more,
});
const lease = (mac: string, address: string, hostName: string | null): CheckedNetwork['leases'][number] => ({
  portId: id,
  mac: parseMac(mac)!,
  address: parseAddress(address)!,
  hostName,
  deviceId: null,
  projectId: null,
});
const network: CheckedNetwork = {
  id,
  mtu: 1450,
  external: false,
  segmentationId: null,
  dhcp: {
    portId: id,
    mac: parseMac('fa:16:3e:00:00:02')!,
    addresses: ['10.0.0.2/24', '10.1.0.2/16'].map((text) => parseInterfaceAddress(text)!),
  },
  subnets: [
    subnet('10.0.0.0/24', {
      gateway: parseAddress('10.0.0.1'),
      nameservers: [parseAddress('192.0.2.53')!],
      hostRoutes: [{ destination: parsePrefix('10.9.0.0/16')!, nexthop: parseAddress('10.0.0.9')! }],
    }),
    subnet('10.1.0.0/16'),
    subnet('10.2.0.0/16', { dhcpEnabled: false }),
    subnet('2001:db8::/64'),
  ],
  leases: [
    lease('fa:16:3e:00:00:03', '10.0.0.3', 'web'),
    lease('fa:16:3e:00:00:03', '10.0.0.4', 'web'),
    lease('fa:16:3e:00:00:03', '10.1.0.3', null),
    lease('fa:16:3e:00:00:05', '10.2.0.5', 'none'),
  ],
};

describe('the DHCP server of a network', () => {
  const config = dhcpConfig(network, { directory: '/run/x', domain: 'novalocal', user: 'dnsmasq' });

  it('serves the subnets it has an address on', () => {
    expect(config.main.match(/^(dhcp-range|interface|user)=.*$/gm)).toEqual([
      'user=dnsmasq',
      'interface=ns-11111111-11',
      'dhcp-range=set:subnet0,10.0.0.0,static,255.255.255.0,86400s',
      'dhcp-range=set:subnet1,10.1.0.0,static,255.255.0.0,86400s',
    ]);
  });

  it('gives a card one address of a subnet', () => {
    expect([config.hosts, config.given]).toEqual([
      'fa:16:3e:00:00:03,10.0.0.3,web\nfa:16:3e:00:00:03,10.1.0.3\n',
      { '10.0.0.3': 'fa:16:3e:00:00:03', '10.1.0.3': 'fa:16:3e:00:00:03' },
    ]);
  });

  it('tells routes, resolvers and the MTU', () => {
    expect(config.options.split('\n')).toEqual([
      'tag:subnet0,option:classless-static-route,10.9.0.0/16,10.0.0.9,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1',
      'tag:subnet0,249,10.9.0.0/16,10.0.0.9,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1',
      'tag:subnet0,option:router,10.0.0.1',
      'tag:subnet0,option:dns-server,192.0.2.53',
      'tag:subnet0,option:mtu,1450',
      'tag:subnet1,option:classless-static-route,169.254.169.254/32,10.1.0.2',
      'tag:subnet1,249,169.254.169.254/32,10.1.0.2',
      'tag:subnet1,option:router',
      'tag:subnet1,option:dns-server,10.1.0.2',
      'tag:subnet1,option:mtu,1450',
      '',
    ]);
  });
});
