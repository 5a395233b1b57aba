import { describe, expect, it } from 'vitest';
import { parseAddress, parseInterfaceAddress, parseMac } from '../address.ts';
import type { DesiredBridge, DesiredNamespace } from './desired-host.ts';
import type { ObservedLink, ObservedNamespace } from './observed.ts';
import { planBridge, planNamespace, planPeers, type Step } from './plan-links.ts';

const told = (steps: readonly Step[]): readonly string[] =>
  steps.map(({ program, namespace, words }) => `${namespace === null ? '' : `[${namespace}] `}${program} ${words.join(' ')}`);
const link = (name: string, more: Partial<ObservedLink> = {}): ObservedLink => ({
  name,
  index: 1,
  mtu: 1450,
  mac: '0a:00:00:00:00:01',
  up: true,
  bridge: null,
  quiet: true,
  kind: 'veth',
  addresses: [],
  ...more,
});
const bridge: DesiredBridge = {
  name: 'brq1',
  networkId: 'n',
  mtu: 1450,
  mac: '0a:00:00:00:00:01',
  external: true,
  addresses: [parseInterfaceAddress('198.51.100.1/24')!],
  tunnel: null,
};
const tunnel = { name: 'vx-1', segmentationId: 7, peers: [parseAddress('192.0.2.2')!, parseAddress('192.0.2.3')!] };
const mac = parseMac('fa:16:3e:00:00:01')!;
const router: DesiredNamespace = {
  name: 'qrouter-1',
  kind: 'router',
  id: '1',
  sysctls: ['net.ipv4.ip_forward=1'],
  links: [
    {
      outside: 'tap1',
      inside: 'qg-1',
      bridge: 'brq1',
      mac,
      mtu: 1450,
      addresses: ['198.51.100.5/24', '198.51.100.50/32'].map((text) => parseInterfaceAddress(text)!),
    },
  ],
  routes: [{ version: 4, destination: 'default', via: '198.51.100.1', device: 'qg-1' }],
};
const inside = (addresses: readonly string[]): ObservedNamespace => ({
  links: [link('lo', { kind: '' }), link('qg-1', { mac, addresses })],
  routes: [{ version: 4, destination: 'default', via: '198.51.100.1', device: 'qg-1' }],
});
const settings = '[qrouter-1] sysctl net.ipv4.ip_forward=1';

describe('the plan of a bridge', () => {
  it('makes what is not there', () => {
    expect(told(planBridge({ ...bridge, tunnel }, []))).toEqual([
      'ip link add name brq1 address 0a:00:00:00:00:01 type bridge forward_delay 0 mcast_snooping 0 stp_state 0',
      'sysctl net/ipv6/conf/brq1/disable_ipv6=1',
      'ip link set dev brq1 addrgenmode none',
      'ip link set dev brq1 address 0a:00:00:00:00:01 mtu 1450 up',
      'ip address add 198.51.100.1/24 dev brq1',
      'ip link add name vx-1 type vxlan id 7 dstport 4789 learning',
      'ip link set dev vx-1 addrgenmode none mtu 1450 master brq1 up',
    ]);
  });

  it('is empty for what is right', () => {
    expect(
      planBridge({ ...bridge, tunnel }, [
        link('brq1', { kind: 'bridge', addresses: ['198.51.100.1/24'] }),
        link('vx-1', { kind: 'vxlan', bridge: 'brq1' }),
      ]),
    ).toEqual([]);
  });

  it('mends what is different', () => {
    expect(told(planBridge(bridge, [link('brq1', { kind: 'bridge', mtu: 1500, addresses: ['10.0.0.1/8'] })]))).toEqual([
      'ip link set dev brq1 address 0a:00:00:00:00:01 mtu 1450 up',
      'ip address delete 10.0.0.1/8 dev brq1',
      'ip address add 198.51.100.1/24 dev brq1',
    ]);
  });

  it('takes over a bridge that was made in haste for a guest', () => {
    expect(told(planBridge(bridge, [link('brq1', { kind: 'bridge', quiet: false, addresses: ['198.51.100.1/24'] })]))).toEqual([
      'ip link set dev brq1 type bridge forward_delay 0 mcast_snooping 0 stp_state 0',
      'sysctl net/ipv6/conf/brq1/disable_ipv6=1',
      'ip link set dev brq1 addrgenmode none',
    ]);
  });

  it('floods to the hosts there are', () => {
    expect(told(planPeers(tunnel, ['192.0.2.3', '192.0.2.4']))).toEqual([
      'bridge fdb append 00:00:00:00:00:00 dev vx-1 dst 192.0.2.2',
      'bridge fdb delete 00:00:00:00:00:00 dev vx-1 dst 192.0.2.4',
    ]);
  });
});

describe('the plan of a namespace', () => {
  it('makes what is not there', () => {
    expect(told(planNamespace(router, { links: [link('lo', { kind: '', up: false })], routes: [] }, []))).toEqual([
      settings,
      '[qrouter-1] ip link set dev lo up',
      'ip link add name tap1 mtu 1450 type veth peer name qg-1 mtu 1450 address fa:16:3e:00:00:01 netns qrouter-1',
      'ip link set dev tap1 addrgenmode none',
      'sysctl net/ipv6/conf/tap1/disable_ipv6=1',
      'ip link set dev tap1 mtu 1450 master brq1 up',
      '[qrouter-1] ip link set dev qg-1 address fa:16:3e:00:00:01 mtu 1450 up',
      '[qrouter-1] ip address add 198.51.100.5/24 dev qg-1',
      '[qrouter-1] ip address add 198.51.100.50/32 dev qg-1',
      '[qrouter-1] ip link set dev qg-1 address fa:16:3e:00:00:01',
      '[qrouter-1] ip route replace 0.0.0.0/0 via 198.51.100.1 dev qg-1 protocol static',
    ]);
  });

  it('only sets what cannot be read for what is right', () => {
    expect(told(planNamespace(router, inside(['198.51.100.5/24', '198.51.100.50/32']), [link('tap1', { bridge: 'brq1' })]))).toEqual([
      settings,
    ]);
  });

  it('announces a new address and takes an old one away', () => {
    expect(told(planNamespace(router, inside(['198.51.100.5/24', '198.51.100.51/32']), [link('tap1', { bridge: 'brq1' })]))).toEqual([
      settings,
      '[qrouter-1] ip address delete 198.51.100.51/32 dev qg-1',
      '[qrouter-1] ip address add 198.51.100.50/32 dev qg-1',
      '[qrouter-1] ip link set dev qg-1 address fa:16:3e:00:00:01',
    ]);
  });

  it('makes a pair anew that lost an end, and takes away a link and a route nobody wishes', () => {
    const there: ObservedNamespace = {
      links: [link('lo', { kind: '' }), link('qr-2')],
      routes: [{ version: 4, destination: '10.9.0.0/16', via: '10.0.0.9', device: 'qr-2' }],
    };
    expect(told(planNamespace({ ...router, routes: [] }, there, [link('tap1', { bridge: 'brq1' })])).slice(0, 4)).toEqual([
      settings,
      '[qrouter-1] ip link delete dev qr-2',
      'ip link delete dev tap1',
      'ip link add name tap1 mtu 1450 type veth peer name qg-1 mtu 1450 address fa:16:3e:00:00:01 netns qrouter-1',
    ]);
  });
});
