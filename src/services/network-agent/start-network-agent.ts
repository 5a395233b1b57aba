import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { HostReport, HostWish } from '../../contracts/network-agent.ts';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import { startReconciler, type ReconcilerStatus } from '../../lib/reconciler/reconciler.ts';
import { watchDeaths } from '../../lib/watch-deaths.ts';
import { readDaemons } from './daemons/daemon.ts';
import { runAs } from './daemons/run-as.ts';
import { watchLinks } from './links/watch-links.ts';
import { startMetadataProxy } from './metadata/metadata-proxy.ts';
import { bridgeName, runDirectory } from './names.ts';
import { reconcileHost, type HostState } from './reconcile-host.ts';
import { removeAll } from './remove-all.ts';
import { probeTracking } from './ruleset/tracking.ts';
import { openRecords } from './state/records.ts';
import { checkWish } from './wish/check-wish.ts';
import { httpWishSource, type WishSource } from './wish/wish-source.ts';

export type NetworkAgentDeps = {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the metadata service is, when not where the settings say. */
  readonly metadataUrl?: string;
} & ({ readonly identity: IdentityClient } | { readonly source: WishSource });

export interface NetworkAgent {
  /** Looks at the whole host now and mends it; resolves when that is done. */
  runNow(): Promise<void>;
  status(): NetworkAgentStatus;
  /** Ends the agent. Guests keep their network, unless it is to be taken away. */
  stop(options?: { readonly removeDataPlane?: boolean }): Promise<void>;
}

export interface NetworkAgentStatus {
  readonly wishedRevision: number | null;
  readonly report: HostReport | null;
  readonly reconciler: ReconcilerStatus;
}

const everyMs = 30_000;

/** Starts the host's network agent: it keeps the host as the network service wishes it, and answers for the guests' metadata. */
export async function startNetworkAgent(deps: NetworkAgentDeps): Promise<NetworkAgent> {
  const { settings, clock, log } = deps;
  const { cloud_id: cloudId, network_data_plane: dataPlane } = settings.kilonova;
  const { host, state_path: statePath, my_ip: myIp } = settings.DEFAULT;
  const source = 'source' in deps ? deps.source : httpWishSource({ identity: deps.identity, host });
  const stopping = new AbortController();
  const { signal } = stopping;
  const records = openRecords(statePath, cloudId);
  const directory = runDirectory(cloudId);
  const users = { dhcp: await runAs(['dnsmasq']), proxy: await runAs(['haproxy']) };
  const socketPath = `${directory}/metadata/agent.sock`;
  const plugs = dataPlane === 'linux-bridge';
  const hostDeps = plugs
    ? {
        cloudId,
        records,
        runDirectory: directory,
        socketPath,
        dhcpDomain: settings.api.dhcp_domain,
        tracking: await probeTracking(signal),
        users,
        log,
        verified: new Map(),
        now: () => clock.now(),
      }
    : null;

  let wish: HostWish | null = plugs ? await records.wish() : null;
  let owners = ownersOf(wish);
  let watched = new Set<string>();
  /** The DHCP servers and metadata proxies that run. */
  let daemons: readonly number[] = [];
  let report: HostReport | null = null;
  let reported = { text: '', at: 0 };

  if (plugs) await openDirectory(directory);
  const proxy = plugs
    ? await startMetadataProxy({
        socketPath,
        mayConnect: users.proxy,
        metadataUrl: deps.metadataUrl ?? metadataUrlOf(settings),
        sharedSecret: settings.neutron.metadata_proxy_shared_secret,
        findOwner: (networkId, address) => owners.get(`${networkId} ${address}`) ?? null,
        log,
      })
    : null;

  const scan = async (scanSignal: AbortSignal): Promise<Readonly<Record<string, unknown>> | undefined> => {
    if (wish === null) return undefined;
    const { revision } = wish;
    const checked = checkWish(wish);
    watched = new Set([...checked.wish.ports.map(({ device }) => device), ...checked.wish.networks.map(({ id }) => bridgeName(id))]);
    const state: HostState =
      hostDeps === null
        ? { wiredPortIds: checked.wish.ports.map(({ id }) => id), problems: [] }
        : await reconcileHost(checked.wish, hostDeps, scanSignal);
    daemons = plugs ? (await readDaemons(directory)).map(({ pid }) => pid) : [];
    const problems = [...checked.problems, ...state.problems];
    report = {
      revision,
      wiredPortIds: state.wiredPortIds,
      problems,
      agent: { configurations: { data_plane: dataPlane, tracking: hostDeps?.tracking ?? null, tunneling_ip: myIp } },
    };
    const text = JSON.stringify(report);
    if (text !== reported.text || clock.now() - reported.at >= everyMs) {
      const told = report;
      await retry(() => source.report(told, scanSignal), { clock, signal: scanSignal, attempts: 4, delayMs: 250 });
      if (text !== reported.text) for (const problem of problems) log.warn(problem, 'the host does not agree with its wish');
      reported = { text, at: clock.now() };
    }
    return { revision, wired: state.wiredPortIds.length, problems: problems.length };
  };
  const reconciler = startReconciler({ name: 'host-agrees-with-wish', everyMs, run: scan }, { clock, log });

  const deaths = watchDeaths({ pids: () => daemons, onDeath: () => reconciler.nudge(), clock });

  const listen = async (): Promise<void> => {
    for (let after = -1, failures = 0; !signal.aborted;) {
      try {
        const next = await source.next(after, signal);
        after = next.revision;
        failures = 0;
        wish = next;
        owners = ownersOf(next);
        if (plugs) await records.keepWish(next);
        reconciler.nudge();
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (failures === 1) log.warn({ err: error, message: messageOf(error) }, 'the network service does not tell its wish');
        await clock.sleep(Math.min(250 * 2 ** failures, 15_000), signal).catch(() => undefined);
      }
    }
  };
  const listening = listen();
  const watching = plugs
    ? watchLinks((device, bridge) => (watched.has(device) || (bridge !== null && watched.has(bridge))) && reconciler.nudge(), {
        clock,
        log,
        signal,
      })
    : Promise.resolve();

  const end = async (): Promise<void> => {
    stopping.abort(new Error('stopping'));
    await Promise.all([deaths.stop(), reconciler.stop(), listening, watching]);
    await proxy?.stop();
    await source.close();
  };
  let stopped: Promise<void> | null = null;
  return {
    async runNow() {
      hostDeps?.verified.clear();
      await reconciler.runNow();
    },
    status: () => ({ wishedRevision: wish?.revision ?? null, report, reconciler: reconciler.status() }),
    async stop({ removeDataPlane = false } = {}) {
      stopped ??= end();
      await stopped;
      if (!removeDataPlane || !plugs) return;
      for (const problem of await removeAll({ cloudId, statePath })) log.warn(problem, 'the data plane could not be taken away whole');
    },
  };
}

/** Servers that are not root read their files there. */
async function openDirectory(path: string): Promise<void> {
  for (const each of [dirname(path), path]) {
    await mkdir(each, { recursive: true });
    await chmod(each, 0o755);
  }
}

/** Which server has which address, by network. */
function ownersOf(wish: HostWish | null): ReadonlyMap<string, { readonly deviceId: string; readonly projectId: string }> {
  const networks = wish === null ? [] : checkWish(wish).wish.networks;
  return new Map(
    networks.flatMap((network) =>
      network.leases.flatMap(({ address, deviceId, projectId }) =>
        deviceId === null || projectId === null ? [] : [[`${network.id} ${address.text}`, { deviceId, projectId }] as const],
      ),
    ),
  );
}

function metadataUrlOf({ DEFAULT: { metadata_listen: listen, metadata_listen_port: port } }: Settings): string {
  const address = listen === '0.0.0.0' ? '127.0.0.1' : listen === '::' ? '::1' : listen;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
