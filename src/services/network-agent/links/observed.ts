import { existsSync, readdirSync } from 'node:fs';
import { runCommand } from '../../../lib/command/run-command.ts';
import { parsePrefix, type IpPrefix } from '../address.ts';

/** A network device as it is now. */
export interface ObservedLink {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly mac: string;
  readonly up: boolean;
  readonly bridge: string | null;
  /** Whether it was told to give itself no IPv6 address, which is how one looks that we have set up. */
  readonly quiet: boolean;
  /** `bridge`, `veth`, `vxlan`, `tun`, or empty for a card. */
  readonly kind: string;
  /** `address/length` of each address but the link-local ones of IPv6. */
  readonly addresses: readonly string[];
}

export interface ObservedRoute {
  readonly version: 4 | 6;
  readonly destination: string;
  readonly via: string;
  readonly device: string;
}

export interface ObservedNamespace {
  readonly links: readonly ObservedLink[];
  /** Those that were set by hand or by us, not by the kernel. */
  readonly routes: readonly ObservedRoute[];
}

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly address?: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly inet6_addr_gen_mode?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly {
    readonly family?: string;
    readonly local?: string;
    readonly prefixlen?: number;
    readonly scope?: string;
  }[];
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

async function json<T>(args: readonly string[], signal: AbortSignal): Promise<readonly T[]> {
  const { stdout } = await runCommand({ program: 'ip', args: ['-json', ...args], signal });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- iproute2's own format
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as readonly T[]).filter((item) => Object.keys(item as object).length > 0);
}

const toLink = (link: IpLink): ObservedLink => ({
  name: link.ifname,
  index: link.ifindex,
  mtu: link.mtu,
  mac: link.address ?? '',
  up: link.flags.includes('UP'),
  bridge: link.master ?? null,
  quiet: link.inet6_addr_gen_mode === 'none',
  kind: link.linkinfo?.info_kind ?? '',
  addresses: (link.addr_info ?? []).flatMap(({ family, local, prefixlen, scope }) =>
    local === undefined || (family === 'inet6' && scope === 'link') ? [] : [`${local}/${prefixlen}`],
  ),
});

/** All devices of the host itself. */
export const readLinks = async (signal: AbortSignal): Promise<readonly ObservedLink[]> =>
  (await json<IpLink>(['-details', 'address', 'show'], signal)).map(toLink);

/** Names of the network namespaces there are. */
export const readNamespaces = (): readonly string[] => (existsSync('/run/netns') ? readdirSync('/run/netns') : []);

/** What is inside one namespace. */
export async function readNamespace(name: string, signal: AbortSignal): Promise<ObservedNamespace> {
  const inside = ['-netns', name];
  const routes = async (version: 4 | 6): Promise<readonly ObservedRoute[]> =>
    (await json<IpRoute>([...inside, `-${version}`, 'route', 'show', 'protocol', 'static'], signal)).map(({ dst, gateway, dev }) => ({
      version,
      destination: dst === 'default' || dst.includes('/') ? dst : `${dst}/${version === 4 ? 32 : 128}`,
      via: gateway ?? '',
      device: dev ?? '',
    }));
  const [links, routes4, routes6] = await Promise.all([
    json<IpLink>([...inside, '-details', 'address', 'show'], signal),
    routes(4),
    routes(6),
  ]);
  return { links: links.map(toLink), routes: [...routes4, ...routes6] };
}

/** Ranges the host already reaches over some device, without its default route. */
export async function readRoutedRanges(signal: AbortSignal): Promise<readonly { readonly prefix: IpPrefix; readonly device: string }[]> {
  const routes = await json<IpRoute>(['-4', 'route', 'show'], signal);
  return routes.flatMap(({ dst, dev }) => {
    const prefix = dst === 'default' ? null : parsePrefix(dst);
    return prefix === null || dev === undefined ? [] : [{ prefix, device: dev }];
  });
}

/** The hosts each tunnel floods to. */
export async function readFlooding(signal: AbortSignal): Promise<readonly { readonly device: string; readonly peer: string }[]> {
  const { stdout } = await runCommand({ program: 'bridge', args: ['fdb', 'show'], signal });
  return [...stdout.matchAll(/^00:00:00:00:00:00 dev (\S+) dst (\S+)/gm)].map(([, device = '', peer = '']) => ({ device, peer }));
}
