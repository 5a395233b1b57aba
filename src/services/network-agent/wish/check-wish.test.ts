import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostWish } from '../../../contracts/network-agent.ts';
import { dhcpConfig } from '../dhcp/dhcp-config.ts';
import { desiredHost } from '../links/desired-host.ts';
import { planBridge, planNamespace } from '../links/plan-links.ts';
import { hostRuleset } from '../ruleset/host-ruleset.ts';
import { routerRuleset } from '../ruleset/router-ruleset.ts';
import { checkWish } from './check-wish.ts';

const id = (digit: string): string => `${digit.repeat(8)}-1111-4111-8111-111111111111`;
const rule = {
  id: id('9'),
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  portRangeMin: null,
  portRangeMax: null,
  remoteIpPrefix: null,
  remoteGroupId: null,
} as const;

/** A wish in which every text a tenant has a hand in is `text`. */
const wishOf = (text: string): HostWish => ({
  revision: 1,
  networks: [
    {
      id: id('1'),
      mtu: 1500,
      external: false,
      segmentationId: null,
      dhcp: { portId: id('2'), macAddress: 'fa:16:3e:00:00:01', addresses: ['10.0.0.2'] },
      subnets: [{ id: id('3'), cidr: '10.0.0.0/24', gatewayIp: '10.0.0.1', dhcpEnabled: true, dnsNameservers: [], hostRoutes: [] }],
      leases: [
        { portId: id('4'), macAddress: 'fa:16:3e:00:00:02', ipAddress: '10.0.0.3', hostName: text, deviceId: text, projectId: text },
      ],
    },
    {
      id: id('5'),
      mtu: 1500,
      external: true,
      segmentationId: null,
      dhcp: null,
      subnets: [
        {
          id: id('6'),
          cidr: text,
          gatewayIp: text,
          dhcpEnabled: true,
          dnsNameservers: [text],
          hostRoutes: [{ destination: text, nexthop: text }],
        },
      ],
      leases: [],
    },
  ],
  ports: [
    {
      id: id('4'),
      networkId: id('1'),
      device: `tap${id('4').slice(0, 11)}`,
      macAddress: text,
      ipAddresses: [text],
      allowedAddressPairs: [{ ipAddress: text, macAddress: text }],
      portSecurityEnabled: true,
      securityGroupIds: [text],
      adminStateUp: true,
    },
    {
      id: id('7'),
      networkId: id('1'),
      device: text,
      macAddress: 'fa:16:3e:00:00:03',
      ipAddresses: [],
      allowedAddressPairs: [],
      portSecurityEnabled: true,
      securityGroupIds: [id('8')],
      adminStateUp: true,
    },
    {
      id: text,
      networkId: text,
      device: text,
      macAddress: text,
      ipAddresses: [],
      allowedAddressPairs: [],
      portSecurityEnabled: false,
      securityGroupIds: [],
      adminStateUp: true,
    },
  ],
  routers: [
    {
      id: id('a'),
      interfaces: [],
      gateway: null,
      routes: [{ destination: text, nexthop: text }],
      floatingIps: [{ id: text, floatingIpAddress: text, fixedIpAddress: text }],
    },
  ],
  securityGroups: [
    {
      id: id('8'),
      memberAddresses: [],
      rules: [{ ...rule, protocol: text }, { ...rule, remoteIpPrefix: text }, { ...rule, remoteGroupId: text }, rule],
    },
  ],
});

/** Every text the agent would hand to a program. */
function handedOut(wish: HostWish): readonly string[] {
  const { wish: checked } = checkWish(wish);
  const desired = desiredHost(checked);
  return [
    hostRuleset({
      table: 'kn_test',
      tracking: 'br-netfilter-mark',
      bridges: [],
      ports: checked.ports,
      closedDevices: checked.closedDevices,
      groups: checked.groups,
      masquerade: [],
    }),
    ...checked.routers.map(routerRuleset),
    ...checked.networks.flatMap((network) =>
      Object.values(dhcpConfig(network, { directory: '/d', domain: 'novalocal', user: 'nobody' })).map((part) => JSON.stringify(part)),
    ),
    ...desired.bridges.flatMap((bridge) => planBridge(bridge, [])).map((step) => step.words.join(' ')),
    ...desired.namespaces
      .flatMap((namespace) => planNamespace(namespace, { links: [], routes: [] }, []))
      .map((step) => step.words.join(' ')),
  ];
}

describe('checkWish', () => {
  it.each([
    'evil"; accept; #',
    'a\nb',
    '$(reboot)',
    '-batch',
    '../../etc',
    '10.0.0.0/8 accept',
    'tap0;',
    '\u0000',
    '1.2.3.4\ndhcp-script=/bin/sh',
  ])('lets nothing of %j through', (text) => {
    expect(handedOut(wishOf(text))).toEqual(handedOut(wishOf('hostile"\n')));
    expect(checkWish(wishOf(text)).problems.length).toBeGreaterThan(4);
  });

  it('lets nothing of any text through but names, numbers and addresses', () => {
    const reference = handedOut(wishOf('hostile"\n'));
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => !/^[\w-]+$/.test(text) && !text.includes('.') && !text.includes(':')),
        (text) => {
          expect(handedOut(wishOf(text))).toEqual(reference);
        },
      ),
    );
  });

  it('closes the device of a port it cannot understand, and keeps the rules beside a bad one', () => {
    const { wish, problems } = checkWish(wishOf('bad value'));
    expect({
      closed: wish.closedDevices,
      ports: wish.ports,
      rules: wish.groups[0]?.rules.length,
      problems: problems.map(({ resource }) => resource),
    }).toEqual({
      closed: ['tap44444444-11', 'tap77777777-11'],
      ports: [],
      rules: 1,
      problems: ['network', 'port', 'port', 'port', 'router', 'security group rule', 'security group rule', 'security group rule'],
    });
  });

  it.each([
    [{ protocol: 'tcp', portRangeMin: 80, portRangeMax: 22 }],
    [{ protocol: 'tcp', portRangeMin: 0, portRangeMax: 65_536 }],
    [{ protocol: 'icmp', portRangeMin: 256 }],
    [{ protocol: 'vrrp', portRangeMin: 1, portRangeMax: 2 }],
    [{ portRangeMin: 1, portRangeMax: 2 }],
    [{ remoteIpPrefix: '::ffff:10.0.0.0/104' }],
    [{ protocol: 'ipv6-icmp' }],
    [{ protocol: '256' }],
    [{ protocol: 'constructor' }],
  ])('refuses the rule %j', (more) => {
    const wish: HostWish = {
      revision: 1,
      networks: [],
      ports: [],
      routers: [],
      securityGroups: [{ id: id('8'), memberAddresses: [], rules: [{ ...rule, ...more }] }],
    };
    expect(checkWish(wish).wish.groups[0]?.rules).toEqual([]);
  });
});
