import { hexOf, linkLocalOf, prefixOf, unspecified, withoutCovered, type IpPrefix, type MacAddress } from '../address.ts';
import type { CheckedGroup, CheckedPort } from '../wish/checked-wish.ts';
import { digest } from '../state/digest.ts';
import { ruleMatch } from './rule-match.ts';

/** How replies are told from new connections on a bridge: by the kernel's bridge conntrack, or by br_netfilter's conntrack, carried over in the packet's mark. */
export type Tracking = 'bridge-conntrack' | 'br-netfilter-mark';

export interface HostRulesetInput {
  readonly table: string;
  readonly tracking: Tracking;
  readonly bridges: readonly {
    readonly name: string;
    /** Conntrack zone; null on an external network, whose addresses are the host's own world. */
    readonly zone: number | null;
    /** Whether the host itself has an address on it. */
    readonly reachesHost: boolean;
    /** Devices on it that are ours: ends of veths, tunnels. */
    readonly trusted: readonly string[];
  }[];
  readonly ports: readonly CheckedPort[];
  readonly closedDevices: readonly string[];
  readonly groups: readonly CheckedGroup[];
  /** External ranges the host forwards for, with the bridge they are on. */
  readonly masquerade: readonly { readonly prefix: IpPrefix; readonly bridge: string }[];
}

const isReply = 0x1;
const isInvalid = 0x2;
const isOurs = 0x4;
const isOutbound = 0x8;

/**
 * Everything nft does for one cloud on one host, as three tables of one name, replaced in one transaction.
 * What passes from one device of a bridge to another goes through, in this order:
 *
 *   bridge prerouting   source: the sender is who it says (anti-spoofing)
 *   inet prerouting     conntrack sees the packet, in the zone of its bridge; its verdict goes into the mark
 *   bridge forward      egress: rules of the port it comes from; then ingress: rules of the port it goes to
 */
export function hostRuleset(input: HostRulesetInput): string {
  const { table } = input;
  const guarded = input.ports.filter((port) => port.portSecurity);
  const bridgeTable = [
    ...input.groups.flatMap(groupSets),
    ...input.groups.flatMap((group) => [groupChain(group, 'ingress', input), groupChain(group, 'egress', input)]),
    chain('source_basics', sourceBasics),
    chain('egress_basics', [...egressBasics, ...state(input)]),
    chain('ingress_basics', [...ingressBasics, ...state(input)]),
    ...guarded.map(sourceChain),
    ...new Map(guarded.map((port) => [rulesKey(port), port]))
      .values()
      .flatMap((port) => [rulesChain(port, 'egress', input), rulesChain(port, 'ingress', input)]),
    chain('closed', ['counter drop']),
    chain('source', ['type filter hook prerouting priority -300', ...dispatch('iifname', input, sourceName)]),
    ...(input.tracking === 'bridge-conntrack'
      ? [chain('zones', ['type filter hook prerouting priority -290', ...zones(input, 'meta ibrname')])]
      : []),
    chain('strangers', ['type filter hook forward priority -20', ...strangers(input)]),
    chain('egress', ['type filter hook forward priority -10', ...dispatch('iifname', input, (port) => rulesName(port, 'egress'))]),
    chain('ingress', ['type filter hook forward priority 0', ...dispatch('oifname', input, (port) => rulesName(port, 'ingress'))]),
    chain('host', ['type filter hook input priority 0', ...hostInput(input)]),
  ];
  const inetTable = input.tracking === 'bridge-conntrack' ? [] : markChains(input);
  const outbound = hex(markTag(table) | isOutbound);
  const ipTable = [
    // br_netfilter brings bridged packets through postrouting, too: only what is really routed away from an external bridge is marked
    chain('outbound', [
      'type filter hook forward priority 0',
      ...input.masquerade
        .filter(({ prefix }) => prefix.version === 4)
        .map(({ prefix, bridge }) => `iifname "${bridge}" oifname != "${bridge}" ip saddr ${prefix.text} meta mark set ${outbound}`),
    ]),
    chain('to_outside', ['type nat hook postrouting priority 100', `meta mark ${outbound} masquerade`]),
  ];
  return [replacement('bridge', table, bridgeTable), replacement('inet', table, inetTable), replacement('ip', table, ipTable)].join('');
}

/** A table that takes the place of whatever had its name, in one transaction with what stands around it. */
export const replacement = (family: string, table: string, parts: readonly string[]): string =>
  `table ${family} ${table} { }\ndelete table ${family} ${table}\ntable ${family} ${table} {\n${parts.join('')}}\n`;

export const chain = (name: string, lines: readonly string[]): string =>
  `  chain ${name} {\n${lines.map((line) => `    ${line};\n`).join('')}  }\n`;

const bare = (id: string): string => id.replaceAll('-', '');
const sourceName = (port: CheckedPort): string => `source_${bare(port.id)}`;
/** Ports with the same groups have the same rules, which stand once. */
const rulesKey = (port: CheckedPort): string => digest([...new Set(port.groupIds)].toSorted().join(' '));
const rulesName = (port: CheckedPort, direction: 'ingress' | 'egress'): string => `${direction}_rules_${rulesKey(port)}`;
const groupSet = (groupId: string, version: 4 | 6): string => `members${version}_${bare(groupId)}`;
const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

/** Sends each port's packets to its chain with one look-up, however many ports there are. */
function dispatch(side: 'iifname' | 'oifname', input: HostRulesetInput, chainOf: (port: CheckedPort) => string): readonly string[] {
  const to = [
    ...input.ports.filter((port) => port.portSecurity).map((port) => `"${port.device}" : jump ${chainOf(port)}`),
    ...input.closedDevices.map((device) => `"${device}" : jump closed`),
  ];
  return to.length === 0 ? [] : [`${side} vmap { ${to.join(', ')} }`];
}

function groupSets(group: CheckedGroup): readonly string[] {
  return ([4, 6] as const).map((version) => {
    const members = group.members.filter((member) => member.version === version).map((member) => member.text);
    const elements = members.length === 0 ? '' : `    elements = { ${[...new Set(members)].toSorted().join(', ')} };\n`;
    return `  set ${groupSet(group.id, version)} {\n    type ipv${version}_addr;\n    flags interval;\n    auto-merge;\n${elements}  }\n`;
  });
}

/** A group's rules stand once, for all ports that use it. A rule about a group that is not there is about nobody. */
function groupChain(group: CheckedGroup, direction: 'ingress' | 'egress', { groups }: HostRulesetInput): string {
  const matches = group.rules
    .filter(({ remote }) => remote === null || !('groupId' in remote) || groups.some(({ id }) => id === remote.groupId))
    .filter((rule) => rule.direction === direction)
    .map((rule) => ruleMatch(rule, (groupId, version) => `@${groupSet(groupId, version)}`));
  return chain(
    `${direction}_${bare(group.id)}`,
    [...new Set(matches)].map((match) => `${match} accept`),
  );
}

/** What goes for every guarded port: it is neither DHCP server nor router, but may ask for an address. */
const sourceBasics = [
  'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
  'udp sport { 67, 547 } counter drop',
  'icmpv6 type { nd-router-advert, nd-redirect } counter drop',
  'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept',
];
const egressBasics = [
  'ether type arp accept',
  'udp sport 68 udp dport 67 accept',
  'udp sport 546 udp dport 547 accept',
  'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
];
const ingressBasics = [
  'ether type arp accept',
  'udp sport 67 udp dport 68 accept', // no guarded port can be such a sender, so it is the network's own server
  'udp sport 547 udp dport 546 accept',
  'icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept',
];

/** Nothing leaves a port under a name that is not its own: Ethernet, ARP, IPv4, IPv6 and neighbour discovery. Plain comparisons load faster than sets. */
function sourceChain(port: CheckedPort): string {
  const macs = [...new Set([port.mac, ...port.pairs.map((pair) => pair.mac)])];
  const targets = [...new Set([...macs.map(linkLocalOf), ...port.addresses.filter((address) => address.version === 6)].map(hexOf))];
  const advertisesRanges = port.pairs.some(({ prefix }) => prefix.version === 6);
  return chain(sourceName(port), [
    `ether saddr != { ${macs.join(', ')} } counter drop`,
    ...senders(port, macs, 4, [unspecified]).map(({ mac, prefix }) => `arp saddr ether ${mac} arp saddr ip ${prefix.text} accept`),
    'jump source_basics',
    ...senders(port, macs, 4).map(({ mac, prefix }) => `ether saddr ${mac} ip saddr ${prefix.text} accept`),
    ...(advertisesRanges ? [] : [`icmpv6 type nd-neighbor-advert @th,64,128 != { ${targets.join(', ')} } counter drop`]),
    ...senders(port, macs, 6).map(({ mac, prefix }) => `ether saddr ${mac} ip6 saddr ${prefix.text} accept`),
    'counter drop',
  ]);
}

interface Sender {
  readonly mac: MacAddress;
  readonly prefix: IpPrefix;
}

/** The pairs of card and address a port may send from. */
function senders(port: CheckedPort, macs: readonly MacAddress[], version: 4 | 6, further: readonly IpPrefix[] = []): readonly Sender[] {
  return macs.flatMap((mac) => {
    const own = mac === port.mac ? port.addresses.map(prefixOf) : [];
    const paired = port.pairs.filter((pair) => pair.mac === mac).map((pair) => pair.prefix);
    const linkLocal = version === 6 ? [prefixOf(linkLocalOf(mac))] : [];
    return withoutCovered([...own, ...paired, ...linkLocal, ...further].filter((prefix) => prefix.version === version)).map((prefix) => ({
      mac,
      prefix,
    }));
  });
}

function state(input: HostRulesetInput): readonly string[] {
  return input.tracking === 'bridge-conntrack'
    ? ['ct state established,related accept', 'ct state invalid counter drop']
    : [`meta mark & ${isReply} == ${isReply} accept`, `meta mark & ${isInvalid} == ${isInvalid} counter drop`];
}

/** What the groups of a port let pass, after what every port needs and what belongs to a connection that was let pass. */
function rulesChain(port: CheckedPort, direction: 'ingress' | 'egress', input: HostRulesetInput): string {
  const known = new Set(input.groups.map((group) => group.id));
  const groups = [...new Set(port.groupIds)].filter((id) => known.has(id));
  return chain(rulesName(port, direction), [
    `jump ${direction}_basics`,
    ...groups.map((id) => `jump ${direction}_${bare(id)}`),
    'counter drop',
  ]);
}

const zones = (input: HostRulesetInput, match: 'iifname' | 'meta ibrname'): readonly string[] =>
  input.bridges.filter(({ zone }) => zone !== null).map(({ name, zone }) => `${match} "${name}" ct zone set ${zone}`);

function markChains(input: HostRulesetInput): readonly string[] {
  const names = input.bridges.map(({ name }) => name);
  if (names.length === 0) return [];
  const ours = `iifname { ${quoted(names)} }`;
  const tag = markTag(input.table);
  return [
    chain('zones', ['type filter hook prerouting priority -310', ...zones(input, 'iifname')]),
    chain('verdict', [
      'type filter hook prerouting priority -150',
      `${ours} meta mark set ${hex(tag | isOurs)}`,
      `${ours} ct state established,related meta mark set ${hex(tag | isOurs | isReply)}`,
      `${ours} ct state invalid meta mark set ${hex(tag | isOurs | isInvalid)}`,
    ]),
  ];
}

/** A device on one of our bridges that nobody announced (a guest that is quicker than its port) gets nothing through. */
function strangers(input: HostRulesetInput): readonly string[] {
  const known = [...input.ports.map((port) => port.device), ...input.closedDevices, ...input.bridges.flatMap((bridge) => bridge.trusted)];
  if (input.bridges.length === 0) return [];
  const exceptKnown = (side: 'iifname' | 'oifname'): string => (known.length === 0 ? '' : `${side} != { ${quoted([...new Set(known)])} } `);
  const onOurs =
    input.tracking === 'bridge-conntrack'
      ? `meta ibrname { ${quoted(input.bridges.map(({ name }) => name))} }`
      : `meta mark & ${hex(0xffff0000 | isOurs)} == ${hex(markTag(input.table) | isOurs)}`;
  return [`${onOurs} ${exceptKnown('iifname')}counter drop`, `${onOurs} ${exceptKnown('oifname')}counter drop`];
}

/** The host has no business on a tenant's network: what is sent to its bridge goes nowhere. */
function hostInput(input: HostRulesetInput): readonly string[] {
  const devices = [
    ...input.ports
      .filter((port) => !input.bridges.some((bridge) => bridge.reachesHost && bridge.name === `brq${port.networkId.slice(0, 11)}`))
      .map((port) => port.device),
    ...input.closedDevices,
    ...input.bridges.filter((bridge) => !bridge.reachesHost).flatMap((bridge) => bridge.trusted),
  ];
  return devices.length === 0 ? [] : [`iifname { ${quoted([...new Set(devices)])} } counter drop`];
}

const hex = (mark: number): string => `0x${(mark >>> 0).toString(16)}`;

/** The upper half of the marks of one cloud's packets, so that several clouds on a host do not take each other's for theirs. */
export function markTag(table: string): number {
  let sum = 0x811c9dc5;
  for (const character of table) sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return ((sum ^ (sum << 16)) & 0xffff0000) | 0;
}
