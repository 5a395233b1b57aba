import type { DesiredBridge, DesiredLink, DesiredNamespace } from './desired-host.ts';
import type { ObservedLink, ObservedNamespace } from './observed.ts';

/** One thing to do: words for `ip` or `bridge`, or kernel settings (`key=value`); in a namespace or on the host. */
export interface Step {
  readonly program: 'ip' | 'bridge' | 'sysctl';
  readonly namespace: string | null;
  readonly words: readonly string[];
}

const ip = (...words: readonly string[]): Step => ({ program: 'ip', namespace: null, words });
const inside = (namespace: string, ...words: readonly string[]): Step => ({ program: 'ip', namespace, words });
const setting = (...words: readonly string[]): Step => ({ program: 'sysctl', namespace: null, words });

/** The steps from the bridge that is there, or none, to the one that is wished. */
export function planBridge(desired: DesiredBridge, links: readonly ObservedLink[]): readonly Step[] {
  const { name, mtu, mac } = desired;
  const found = links.find((link) => link.name === name);
  const wantsIpv6 = desired.addresses.some(({ version }) => version === 6);
  const settings = ['type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0', 'stp_state', '0'];
  return [
    ...(found === undefined ? [ip('link', 'add', 'name', name, 'address', mac, ...settings)] : []),
    ...(found !== undefined && !found.quiet ? [ip('link', 'set', 'dev', name, ...settings)] : []), // somebody who plugs a guest was faster
    ...(found?.quiet === true
      ? []
      : [...(wantsIpv6 ? [] : [setting(`net/ipv6/conf/${name}/disable_ipv6=1`)]), ip('link', 'set', 'dev', name, 'addrgenmode', 'none')]),
    ...(found === undefined || found.mtu !== mtu || found.mac !== mac || !found.up
      ? [ip('link', 'set', 'dev', name, 'address', mac, 'mtu', String(mtu), 'up')]
      : []),
    ...planAddresses(
      desired.addresses.map(({ text }) => text),
      found?.addresses ?? [],
      name,
      ip,
    ),
    ...planTunnel(desired, links),
  ];
}

function planTunnel({ name: bridge, mtu, tunnel }: DesiredBridge, links: readonly ObservedLink[]): readonly Step[] {
  if (tunnel === null) return [];
  const found = links.find((link) => link.name === tunnel.name);
  if (found?.bridge === bridge && found.mtu === mtu && found.up) return [];
  return [
    ...(found === undefined
      ? [ip('link', 'add', 'name', tunnel.name, 'type', 'vxlan', 'id', String(tunnel.segmentationId), 'dstport', '4789', 'learning')]
      : []),
    ip('link', 'set', 'dev', tunnel.name, 'addrgenmode', 'none', 'mtu', String(mtu), 'master', bridge, 'up'),
  ];
}

/** The steps that make a tunnel flood to exactly these hosts; what it learns of single guests it keeps. */
export function planPeers(tunnel: NonNullable<DesiredBridge['tunnel']>, flooded: readonly string[]): readonly Step[] {
  const wished: readonly string[] = tunnel.peers.map(({ text }) => text);
  const entry = (verb: string, peer: string): Step => ({
    program: 'bridge',
    namespace: null,
    words: ['fdb', verb, '00:00:00:00:00:00', 'dev', tunnel.name, 'dst', peer],
  });
  return [
    ...wished.filter((peer) => !flooded.includes(peer)).map((peer) => entry('append', peer)),
    ...flooded.filter((peer) => !wished.includes(peer)).map((peer) => entry('delete', peer)),
  ];
}

/** The steps from a namespace as it is to the one that is wished. It exists already, and so do its bridges. */
export function planNamespace(desired: DesiredNamespace, there: ObservedNamespace, links: readonly ObservedLink[]): readonly Step[] {
  const { name } = desired;
  const loopback = there.links.find((link) => link.name === 'lo');
  const surplus = there.links.filter((link) => link.kind === 'veth' && !desired.links.some((wished) => wished.inside === link.name));
  return [
    { program: 'sysctl', namespace: name, words: desired.sysctls },
    ...(loopback?.up === true ? [] : [inside(name, 'link', 'set', 'dev', 'lo', 'up')]),
    ...surplus.map((link) => inside(name, 'link', 'delete', 'dev', link.name)),
    ...desired.links.flatMap((link) => planLink(name, link, there, links)),
    ...planRoutes(desired, there),
  ];
}

function planLink(namespace: string, desired: DesiredLink, there: ObservedNamespace, links: readonly ObservedLink[]): readonly Step[] {
  const { inside: device, outside, bridge, mac } = desired;
  const mtu = String(desired.mtu);
  const end = links.find((link) => link.name === outside);
  const found = end === undefined ? undefined : there.links.find((link) => link.name === device);
  const addresses = found?.addresses ?? [];
  const added = desired.addresses.filter(({ text }) => !addresses.includes(text));
  const isComplete = found !== undefined && found.mac === mac && found.mtu === desired.mtu && found.up;
  return [
    ...(found === undefined && end !== undefined ? [ip('link', 'delete', 'dev', outside)] : []), // its other end is lost
    ...(found === undefined
      ? [
          ip(
            'link',
            'add',
            'name',
            outside,
            'mtu',
            mtu,
            'type',
            'veth',
            'peer',
            'name',
            device,
            'mtu',
            mtu,
            'address',
            mac,
            'netns',
            namespace,
          ),
          ip('link', 'set', 'dev', outside, 'addrgenmode', 'none'),
          setting(`net/ipv6/conf/${outside}/disable_ipv6=1`),
        ]
      : []),
    ...(found === undefined || end?.bridge !== bridge || end.mtu !== desired.mtu || !end.up
      ? [ip('link', 'set', 'dev', outside, 'mtu', mtu, 'master', bridge, 'up')]
      : []),
    ...(isComplete ? [] : [inside(namespace, 'link', 'set', 'dev', device, 'address', mac, 'mtu', mtu, 'up')]),
    ...planAddresses(
      desired.addresses.map(({ text }) => text),
      addresses,
      device,
      (...words) => inside(namespace, ...words),
    ),
    ...(added.length > 0 ? [inside(namespace, 'link', 'set', 'dev', device, 'address', mac)] : []), // with arp_notify the kernel announces all addresses now
  ];
}

function planAddresses(
  wished: readonly string[],
  there: readonly string[],
  device: string,
  step: (...words: readonly string[]) => Step,
): readonly Step[] {
  return [
    ...there.filter((address) => !wished.includes(address)).map((address) => step('address', 'delete', address, 'dev', device)),
    ...wished
      .filter((address) => !there.includes(address))
      .map((address) => step('address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []))),
  ];
}

/** `default` means IPv4 to `ip`, whatever stands beside it. */
const target = ({ version, destination }: { readonly version: 4 | 6; readonly destination: string }): string =>
  destination !== 'default' ? destination : version === 4 ? '0.0.0.0/0' : '::/0';

function planRoutes(desired: DesiredNamespace, there: ObservedNamespace): readonly Step[] {
  const has = (route: DesiredNamespace['routes'][number]): boolean =>
    there.routes.some((found) => found.version === route.version && found.destination === route.destination && found.via === route.via);
  const surplus = there.routes.filter(
    (found) => !desired.routes.some((route) => route.version === found.version && route.destination === found.destination),
  );
  return [
    ...surplus.map((route) => inside(desired.name, 'route', 'delete', target(route), 'protocol', 'static')),
    ...desired.routes
      .filter((route) => !has(route))
      .map((route) =>
        inside(
          desired.name,
          'route',
          'replace',
          target(route),
          'via',
          route.via,
          ...(route.device === null ? [] : ['dev', route.device]),
          'protocol',
          'static',
        ),
      ),
  ];
}
