import { describe, expect, it } from 'vitest';
import type { HostWish } from '../../../contracts/network-agent.ts';
import { parsePrefix } from '../address.ts';
import { checkWish } from '../wish/check-wish.ts';
import { hostRuleset, markTag, type HostRulesetInput, type Tracking } from './host-ruleset.ts';

const idOf = (pair: string): string => `${pair.repeat(4)}-1111-4111-8111-111111111111`;
const network = idOf('11');
const otherNetwork = idOf('22');
const web = idOf('33');
const vip = idOf('44');
const free = idOf('55');
const group = idOf('aa');
const friends = idOf('bb');
const rule = (more: Partial<HostWish['securityGroups'][number]['rules'][number]>): HostWish['securityGroups'][number]['rules'][number] => ({
  id: network,
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  portRangeMin: null,
  portRangeMax: null,
  remoteIpPrefix: null,
  remoteGroupId: null,
  ...more,
});
const port = (id: string, more: Partial<HostWish['ports'][number]>): HostWish['ports'][number] => ({
  id,
  networkId: network,
  device: `tap${id.slice(0, 11)}`,
  macAddress: `fa:16:3e:00:00:${id.slice(0, 2)}`,
  ipAddresses: [`10.0.0.${id.slice(0, 1)}`],
  allowedAddressPairs: [],
  portSecurityEnabled: true,
  securityGroupIds: [group],
  adminStateUp: true,
  ...more,
});
const wish: HostWish = {
  revision: 1,
  networks: [],
  routers: [],
  ports: [
    port(web, { ipAddresses: ['10.0.0.3', '2001:db8::3'], securityGroupIds: [group, friends] }),
    port(vip, {
      allowedAddressPairs: [
        { macAddress: 'fa:16:3e:00:00:44', ipAddress: '10.0.0.0/24' },
        { macAddress: '00:00:5e:00:01:01', ipAddress: '10.0.0.100' },
      ],
    }),
    port(free, { portSecurityEnabled: false, networkId: otherNetwork }),
    port('66666666-1111-4111-8111-111111111111', { adminStateUp: false }),
  ],
  securityGroups: [
    {
      id: group,
      memberAddresses: ['10.0.0.3', '10.0.0.4', '2001:db8::3'],
      rules: [
        rule({ direction: 'egress' }),
        rule({ direction: 'egress', ethertype: 'IPv6' }),
        rule({ protocol: 'TCP', portRangeMin: 22, portRangeMax: 22, remoteIpPrefix: '192.0.2.77/24' }),
        rule({ protocol: 'udp', portRangeMin: 1000, portRangeMax: 2000, remoteGroupId: friends }),
        rule({ protocol: 'icmp', portRangeMin: 8, portRangeMax: 0 }),
        rule({ ethertype: 'IPv6', protocol: 'icmp' }),
        rule({ protocol: '112' }),
      ],
    },
    { id: friends, memberAddresses: [], rules: [rule({ remoteGroupId: friends }), rule({ remoteGroupId: friends })] },
  ],
};

const input = (tracking: Tracking): HostRulesetInput => {
  const { wish: checked, problems } = checkWish(wish);
  expect(problems).toEqual([]);
  return {
    table: 'kn_test',
    tracking,
    bridges: [
      { name: 'brq11111111-11', zone: 12, reachesHost: false, trusted: ['tapdhcp', 'vx-11111111-11'] },
      { name: 'brq22222222-11', zone: null, reachesHost: true, trusted: ['tapgateway'] },
    ],
    ports: checked.ports,
    closedDevices: [...checked.closedDevices, 'tapstranger'],
    groups: checked.groups,
    masquerade: [{ prefix: parsePrefix('198.51.100.0/24')!, bridge: 'brq22222222-11' }],
  };
};

describe('the ruleset of a host', () => {
  it('follows connections by the mark that br_netfilter brings', async () => {
    await expect(hostRuleset(input('br-netfilter-mark'))).toMatchFileSnapshot('golden/host-mark.nft');
  });

  it('follows connections on the bridge itself where the kernel can', async () => {
    await expect(hostRuleset(input('bridge-conntrack'))).toMatchFileSnapshot('golden/host-conntrack.nft');
  });

  it('is three tables without rules for a host without ports', async () => {
    await expect(
      hostRuleset({ ...input('br-netfilter-mark'), bridges: [], ports: [], closedDevices: [], groups: [], masquerade: [] }),
    ).toMatchFileSnapshot('golden/host-empty.nft');
  });

  it('has no rule about a group that is not there', () => {
    const [first] = input('br-netfilter-mark').groups;
    expect(hostRuleset({ ...input('br-netfilter-mark'), groups: [first!] })).not.toContain('bbbbbbbb');
  });

  it('marks packets of two clouds differently', () => {
    expect(markTag('kn_one') >>> 16).not.toBe(markTag('kn_two') >>> 16);
  });
});
