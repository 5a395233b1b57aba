import type { Log } from '../../lib/log.ts';
import { overlap, parsePrefix } from './address.ts';
import { keepDaemon, readDaemons, type RunningDaemon } from './daemons/daemon.ts';
import type { SystemUser } from './daemons/run-as.ts';
import { keepDhcpServer } from './dhcp/keep-dhcp-server.ts';
import { desiredHost, externalRanges, type DesiredBridge, type DesiredHost, type DesiredNamespace } from './links/desired-host.ts';
import { readFlooding, readLinks, readNamespace, readNamespaces, readRoutedRanges, type ObservedLink } from './links/observed.ts';
import { planBridge, planNamespace, planPeers, type Step } from './links/plan-links.ts';
import { takeSteps } from './links/take-steps.ts';
import { proxyConfig } from './metadata/proxy-config.ts';
import { bridgeName, tableName } from './names.ts';
import { removeUnwished } from './remove-unwished.ts';
import { forgetConnections } from './ruleset/forget-connections.ts';
import { hostRuleset, type Tracking } from './ruleset/host-ruleset.ts';
import { installRuleset, removeTables } from './ruleset/install-ruleset.ts';
import { permissionsOf, revocations } from './ruleset/revocations.ts';
import { routerRuleset, routerTable } from './ruleset/router-ruleset.ts';
import { keepSettings } from './ruleset/tracking.ts';
import { digest } from './state/digest.ts';
import { replaceFile } from './state/replace-file.ts';
import type { Applied, Records } from './state/records.ts';
import { problemOf, type Problem } from './wish/problem.ts';
import type { CheckedNetwork, CheckedRouter, CheckedWish } from './wish/checked-wish.ts';

export interface HostDeps {
  readonly cloudId: string;
  readonly records: Records;
  readonly runDirectory: string;
  readonly socketPath: string;
  readonly dhcpDomain: string;
  readonly tracking: Tracking;
  readonly users: { readonly dhcp: SystemUser; readonly proxy: SystemUser };
  readonly log: Log;
  /** Namespaces that were found right, by their wish; they are looked into again after a while. */
  readonly verified: Map<string, { readonly wish: string; readonly at: number }>;
  readonly now: () => number;
}

export interface HostState {
  readonly wiredPortIds: readonly string[];
  readonly problems: readonly Problem[];
}

const verifyAgainMs = 120_000;

/** Makes the host agree with the wish, whatever it is like now, and tells what is wired. Rules come before devices, devices before servers. */
export async function reconcileHost(wish: CheckedWish, deps: HostDeps, signal: AbortSignal): Promise<HostState> {
  const problems: Problem[] = [];
  const desired = desiredHost(wish);
  const before = await deps.records.owned();
  await deps.records.keepOwned({
    bridges: union(
      before.bridges,
      desired.bridges.map(({ name }) => name),
    ),
    tunnels: union(
      before.tunnels,
      desired.bridges.flatMap(({ tunnel }) => (tunnel === null ? [] : [tunnel.name])),
    ),
    namespaces: union(
      before.namespaces,
      desired.namespaces.map(({ name }) => name),
    ),
  });
  await keepSettings(deps.tracking, signal);
  const failed = await keepBridges(desired.bridges, problems, signal);
  let links = await readLinks(signal);
  const applied = await deps.records.applied();
  const ownBridges = union(
    before.bridges,
    desired.bridges.map(({ name }) => name),
  );
  const permissions = await keepHostRules(wish, desired, ownBridges, applied, links, deps, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    problems.push(problemOf('host', 'security groups', error));
    return null; // what was in force stays in force; no port is wired without its rules
  });
  if (permissions !== null) links = await plugPorts(wish, links, problems, signal);
  const translations = await keepNamespaces(wish, desired, applied, links, deps, problems, signal);
  await deps.records.keepApplied({ permissions: permissions ?? applied.permissions, translations });
  const left = await removeUnwished(desired, deps, problems, signal);
  if (left.bridges.length === 0 && wish.ports.length === 0) await removeTables(tableName(deps.cloudId), signal);
  const wiredPortIds = wish.ports
    .filter(
      (port) =>
        !failed.has(port.networkId) && links.some((link) => link.name === port.device && link.bridge === bridgeName(port.networkId)),
    )
    .map(({ id }) => id);
  return { wiredPortIds, problems };
}

const union = (one: readonly string[], other: readonly string[]): readonly string[] => [...new Set([...one, ...other])].toSorted();

/** The networks whose bridge could not be had. */
async function keepBridges(bridges: readonly DesiredBridge[], problems: Problem[], signal: AbortSignal): Promise<ReadonlySet<string>> {
  const links = await readLinks(signal);
  const failed = new Set<string>();
  const lacksAddress = bridges.some((bridge) =>
    bridge.addresses.some(({ text }) => links.find((link) => link.name === bridge.name)?.addresses.includes(text) !== true),
  );
  const flooding = bridges.some(({ tunnel }) => tunnel !== null) ? await readFlooding(signal) : [];
  const routed = lacksAddress ? await readRoutedRanges(signal) : [];
  for (const bridge of bridges) {
    const taken = bridge.addresses.flatMap(({ text }) => {
      const range = parsePrefix(text);
      return routed
        .filter(({ prefix, device }) => range !== null && device !== bridge.name && overlap(prefix, range))
        .map(({ device }) => ({ text, device }));
    });
    for (const { text, device } of taken)
      problems.push({
        resource: 'network',
        id: bridge.networkId,
        message: `The host does not take the address ${text} on it: it reaches that range over ${device} already.`,
      });
    try {
      const wished = { ...bridge, addresses: bridge.addresses.filter(({ text }) => !taken.some((each) => each.text === text)) };
      await takeSteps(planBridge(wished, links), signal).catch(async () => {
        signal.throwIfAborted();
        await takeSteps(planBridge(wished, await readLinks(signal)), signal); // compute makes a bridge, too, when it is faster
      });
      const { tunnel } = bridge;
      if (tunnel !== null)
        await takeSteps(
          planPeers(
            tunnel,
            flooding.filter(({ device }) => device === tunnel.name).map(({ peer }) => peer),
          ),
          signal,
        );
    } catch (error) {
      signal.throwIfAborted();
      failed.add(bridge.networkId);
      problems.push(problemOf('network', bridge.networkId, error));
    }
  }
  return failed;
}

/** Puts the cloud's rules in force and ends the connections that live on what they no longer permit. */
async function keepHostRules(
  wish: CheckedWish,
  desired: DesiredHost,
  ownBridges: readonly string[],
  applied: Applied,
  links: readonly ObservedLink[],
  deps: HostDeps,
  signal: AbortSignal,
): Promise<Applied['permissions']> {
  const table = tableName(deps.cloudId);
  const zoneOf = (bridge: string): number | null => {
    const index = links.find(({ name }) => name === bridge)?.index;
    return index === undefined || desired.bridges.some((each) => each.name === bridge && each.external) ? null : index % 65_535 || 65_535;
  };
  const bridges = ownBridges
    .filter((name) => links.some((link) => link.name === name))
    .map((name) => {
      const wished = desired.bridges.find((bridge) => bridge.name === name);
      const ends = desired.namespaces.flatMap((namespace) =>
        namespace.links.filter((link) => link.bridge === name).map(({ outside }) => outside),
      );
      return {
        name,
        zone: zoneOf(name),
        reachesHost: wished?.external === true,
        trusted: [...ends, ...(wished?.tunnel == null ? [] : [wished.tunnel.name])],
      };
    });
  const known = new Set([...wish.ports.map(({ device }) => device), ...bridges.flatMap(({ trusted }) => trusted)]);
  const strangers = links
    .filter((link) => link.bridge !== null && ownBridges.includes(link.bridge) && !known.has(link.name))
    .map(({ name }) => name);
  const text = hostRuleset({
    table,
    tracking: deps.tracking,
    bridges,
    ports: wish.ports,
    closedDevices: union(
      wish.closedDevices.filter((device) => !known.has(device)),
      strangers.filter((name) => /^[\w.-]{1,15}$/.test(name)),
    ),
    groups: wish.groups,
    masquerade: externalRanges(wish),
  });
  if (bridges.length > 0 || wish.ports.length > 0) await installRuleset({ family: 'bridge', table, namespace: null }, text, signal);
  const permissions = permissionsOf(wish.ports, wish.groups, (networkId) => zoneOf(bridgeName(networkId)));
  await forgetConnections(
    revocations(applied.permissions, permissions).map((each) => ({ ...each, namespace: null })),
    signal,
  );
  return permissions;
}

/** Plugs devices that somebody made and left unplugged, and keeps the host's own IPv6 off them. */
async function plugPorts(
  wish: CheckedWish,
  links: readonly ObservedLink[],
  problems: Problem[],
  signal: AbortSignal,
): Promise<readonly ObservedLink[]> {
  const bridges = new Map(wish.networks.map((network) => [network.id, network]));
  let plugged = false;
  for (const port of wish.ports) {
    const link = links.find(({ name }) => name === port.device);
    const network = bridges.get(port.networkId);
    if (link === undefined || network === undefined || link.bridge === bridgeName(network.id)) continue;
    try {
      if (link.bridge !== null) throw new Error(`${port.device} is on ${link.bridge}, not on ${bridgeName(network.id)}.`);
      const step: Step = {
        program: 'ip',
        namespace: null,
        words: [
          'link',
          'set',
          'dev',
          port.device,
          'addrgenmode',
          'none',
          'mtu',
          String(network.mtu),
          'master',
          bridgeName(network.id),
          'up',
        ],
      };
      await takeSteps([step], signal);
      plugged = true;
    } catch (error) {
      signal.throwIfAborted();
      problems.push(problemOf('port', port.id, error));
    }
  }
  return plugged ? await readLinks(signal) : links;
}

/** DHCP servers, metadata proxies and routers; several at a time. Answers the translations that are in force. */
async function keepNamespaces(
  wish: CheckedWish,
  desired: DesiredHost,
  applied: Applied,
  links: readonly ObservedLink[],
  deps: HostDeps,
  problems: Problem[],
  signal: AbortSignal,
): Promise<Applied['translations']> {
  const there = readNamespaces();
  const running = await readDaemons(deps.runDirectory);
  const translations: Record<string, Readonly<Record<string, string>>> = {};
  const queue = desired.namespaces.values();
  const worker = async (): Promise<void> => {
    for (const namespace of queue) {
      const { kind, id } = namespace;
      try {
        await keepNamespace(namespace, there, links, deps, signal);
        const network = wish.networks.find((each) => kind === 'network' && each.id === id);
        const router = wish.routers.find((each) => kind === 'router' && each.id === id);
        if (network !== undefined) await keepServers(network, running, deps, signal);
        if (router !== undefined) translations[id] = await keepTranslations(router, namespace.name, applied.translations[id] ?? {}, signal);
      } catch (error) {
        signal.throwIfAborted();
        deps.verified.delete(namespace.name);
        if (applied.translations[id] !== undefined) translations[id] = applied.translations[id];
        problems.push(problemOf(kind, id, error));
      }
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return translations;
}

async function keepNamespace(
  desired: DesiredNamespace,
  there: readonly string[],
  links: readonly ObservedLink[],
  deps: HostDeps,
  signal: AbortSignal,
): Promise<void> {
  const wish = digest(JSON.stringify(desired));
  const verified = deps.verified.get(desired.name);
  const looksRight =
    there.includes(desired.name) &&
    desired.links.every(({ outside, bridge, mtu }) =>
      links.some((link) => link.name === outside && link.bridge === bridge && link.mtu === mtu && link.up),
    );
  if (looksRight && verified?.wish === wish && deps.now() - verified.at < verifyAgainMs) return;
  if (!there.includes(desired.name)) await takeSteps([{ program: 'ip', namespace: null, words: ['netns', 'add', desired.name] }], signal);
  await takeSteps(planNamespace(desired, await readNamespace(desired.name, signal), links), signal);
  deps.verified.set(desired.name, { wish, at: deps.now() });
}

async function keepServers(network: CheckedNetwork, running: readonly RunningDaemon[], deps: HostDeps, signal: AbortSignal): Promise<void> {
  const directory = `${deps.runDirectory}/${network.id}`;
  await keepDhcpServer(network, { directory, domain: deps.dhcpDomain, user: deps.users.dhcp.name }, running, signal);
  const config = proxyConfig({ networkId: network.id, socketPath: deps.socketPath, user: deps.users.proxy.name });
  const configPath = `${directory}/haproxy-${digest(config)}.cfg`;
  await replaceFile(configPath, config);
  await keepDaemon({ program: 'haproxy', namespace: `qdhcp-${network.id}`, configPath, args: ['-D', '-f', configPath] }, running, signal);
}

async function keepTranslations(
  router: CheckedRouter,
  namespace: string,
  before: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  await installRuleset({ family: 'ip', table: routerTable, namespace }, routerRuleset(router), signal);
  const after = Object.fromEntries(router.floatingIps.map(({ floating, fixed }) => [floating.text as string, fixed.text as string]));
  const changed = Object.entries(before).filter(([floating, fixed]) => after[floating] !== fixed);
  await forgetConnections(
    changed.map(([address]) => ({ address, zone: null, namespace })),
    signal,
  );
  return after;
}
