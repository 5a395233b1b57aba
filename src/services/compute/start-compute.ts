import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import { computeAgent, computeTopic } from '../../contracts/compute.ts';
import { conductor, conductorTopic } from '../../contracts/conductor.ts';
import type { Clock } from '../../lib/clock.ts';
import { isKind } from '../../lib/errors.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler, type Reconciler, type ReconcilerSpec, type ReconcilerStatus } from '../../lib/reconciler/reconciler.ts';
import { retry } from '../../lib/retry.ts';
import type { Bus } from '../../lib/rpc/bus.ts';
import { fileJournal, memoryJournal, type CommandJournal } from '../../lib/rpc/journal.ts';
import { agentHandlers, agentVersion } from './agent-handlers.ts';
import { composeHost, type ComputeClients, type ComputeHost } from './compute-host.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { openDriver, type DriverName } from './drivers/index.ts';
import { keptAdditions } from './kept-additions.ts';
import { readProviderConfig, refuseOwnedTraits } from './provider-config.ts';
import { openImageCache } from './image-cache.ts';
import { keptNodeIdentity, namedNodeIdentity, type NodeIdentity } from './node-identity.ts';
import { followEvents } from './reconcilers/follow-events.ts';
import { syncPowerStates } from './reconcilers/power-states.ts';
import { nodeFacts, refuseForgettingPci, resourceReport } from './reconcilers/resource-report.ts';
import { removeStale } from './remove-stale.ts';
import { strayGuests } from './reconcilers/stray-guests.ts';

export interface ComputeDeps {
  readonly settings: Settings;
  /** `[DEFAULT] host`; must never change. */
  readonly host: string;
  readonly driverName: DriverName;
  /** The host's own directory: identity, journal, what a driver keeps. */
  readonly statePath: string;
  readonly bus: Bus;
  readonly clients: ComputeClients;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** A driver that is open already, for tests; else the one of `driverName`. */
  readonly driver?: HypervisorDriver;
  /** A journal that outlives the service, for tests; else a file, or the memory of a host that pretends. */
  readonly journal?: CommandJournal;
  /** Gives up starting, such as when no conductor comes. */
  readonly signal?: AbortSignal;
}

export interface ComputeService extends AsyncDisposable {
  readonly host: string;
  readonly nodeUuid: string;
  /** The last results of what the host keeps true, for `kilonova inspect`. */
  status(): readonly ReconcilerStatus[];
  /** Reports resources and looks at all guests now. */
  reconcile(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the agent of one host: takes over the guests that run here, makes the host known, and serves its topic. Guests live on when it stops. */
export async function startCompute(deps: ComputeDeps): Promise<ComputeService> {
  const { settings, clock, log, statePath } = deps;
  mkdirSync(statePath, { recursive: true });
  const additions = {
    config: readProviderConfig(settings.compute.provider_config_location, log),
    kept: keptAdditions(deps.driverName === 'fake.FakeDriver' ? null : join(statePath, 'provider-additions.json')),
  };
  const driver = deps.driver ?? (await openDriver(deps.driverName, deps));
  let journal: CommandJournal | null = null;
  let registered: RegisteredHost;
  try {
    const fake = deps.driverName === 'fake.FakeDriver';
    const { hostname: name, traits } = await driver.inventory();
    const node = fake
      ? namedNodeIdentity(settings.kilonova.cloud_id, deps.host)
      : keptNodeIdentity(statePath, { host: deps.host, name, ids: deps.ids });
    refuseOwnedTraits(traits, additions.config.additionFor({ uuid: node.uuid, name: node.name, isNode: true }));
    journal = deps.journal ?? (fake ? memoryJournal() : fileJournal(join(statePath, 'compute-journal.sqlite'), () => clock.now()));
    registered = await registerHost({ ...deps, driver, node, journal, check: refuseForgettingPci });
  } catch (error) {
    journal?.close();
    await driver.close();
    throw error;
  }
  const { host } = registered;
  const report = resourceReport(host, { readEvery: 1, additions });
  const reconcilers = reconcilersOf(host, report).map((spec) => startReconciler(spec, { clock, log }));
  registered.onReport(() => runNow(reconcilers, 'resource report'));
  const tellSoon = (): void => find(reconcilers, 'resource report')?.nudge();
  host.holdings.onChange(tellSoon);
  host.outcomes.onChange(tellSoon);
  const following = new AbortController();
  const followed = followEvents(host, following.signal, () => find(reconcilers, 'power states')?.nudge());
  return {
    host: deps.host,
    nodeUuid: host.node.uuid,
    status: () => reconcilers.map((reconciler) => reconciler.status()),
    reconcile: async () => void (await Promise.all(reconcilers.map((reconciler) => reconciler.runNow()))),
    stop,
    [Symbol.asyncDispose]: stop,
  };

  async function stop(): Promise<void> {
    following.abort();
    await Promise.all([followed, registered.unserve(), ...reconcilers.map((reconciler) => reconciler.stop())]);
    await sayGoodbye(host);
    journal?.close();
    await driver.close();
  }
}

export interface RegisteredHost {
  readonly host: ComputeHost;
  readonly unserve: () => Promise<void>;
  /** What a `reportResources` call runs. */
  readonly onReport: (report: () => Promise<void>) => void;
}

/** Makes a host known to the conductor, and then serves its topic: a host that is refused never takes the calls of another. */
export async function registerHost(
  deps: ComputeDeps & {
    readonly driver: HypervisorDriver;
    readonly node: NodeIdentity;
    readonly journal: CommandJournal;
    /** Refuses a host whose settings contradict what it has reported before. */
    readonly check?: (host: ComputeHost) => Promise<void>;
  },
): Promise<RegisteredHost> {
  const { settings, driver, clients, identity, clock, log } = deps;
  const host = composeHost({
    host: deps.host,
    node: deps.node,
    settings,
    driver,
    conductor: deps.bus.client(conductorTopic, conductor),
    clients,
    identity,
    clock,
    log: log.child({ host: deps.host }),
    images:
      driver.imageFiles === undefined
        ? null
        : openImageCache({
            directory: driver.imageFiles.directory,
            images: clients.image,
            session: identity.serviceSession,
            settings,
            clock,
            log,
          }),
  });
  await deps.check?.(host);
  const facts = nodeFacts(host, await driver.inventory(), await host.holdings.facts());
  const { instances, ...stale } = await retry(
    () => host.conductor.hostStarted({ host: deps.host, version: agentVersion, nodes: [facts] }),
    {
      clock,
      attempts: Infinity,
      delayMs: 200,
      maxDelayMs: 5_000,
      when: (error) => isKind(error, 'unavailable'),
      ...(deps.signal === undefined ? {} : { signal: deps.signal }),
    },
  );
  host.log.debug({ nodeUuid: host.node.uuid, instances: instances.length }, 'host is known to the conductor');
  await removeStale(host, stale, deps.signal ?? new AbortController().signal);
  let report: (() => Promise<void>) | null = null;
  const serving = await deps.bus.serve(
    computeTopic(deps.host),
    computeAgent,
    agentHandlers(host, () => report?.() ?? Promise.resolve()),
    { journal: deps.journal },
  );
  return { host, unserve: () => Promise.resolve(serving[Symbol.asyncDispose]()), onReport: (run) => void (report = run) };
}

/** An interval of the settings; null: never. */
const every = (seconds: number): number | null => (seconds > 0 ? seconds * 1000 : null);

/** What a host keeps true, with Nova's intervals. */
export function reconcilersOf(host: ComputeHost, report: ReconcilerSpec['run']): readonly ReconcilerSpec[] {
  const { images } = host;
  const { DEFAULT, image_cache: cache } = host.settings;
  const specs: readonly { name: string; everyMs: number | null; run: ReconcilerSpec['run'] }[] = [
    {
      name: 'resource report',
      everyMs: DEFAULT.update_resources_interval === 0 ? 60_000 : every(DEFAULT.update_resources_interval),
      run: report,
    },
    { name: 'power states', everyMs: every(DEFAULT.sync_power_state_interval), run: (signal) => syncPowerStates(host, signal) },
    { name: 'stray guests', everyMs: every(DEFAULT.running_deleted_instance_poll_interval), run: strayGuests(host) },
    ...(images === null
      ? []
      : [
          {
            name: 'image cache',
            everyMs: cache.manager_interval === 0 ? 60_000 : every(cache.manager_interval),
            run: (signal: AbortSignal) => images.clean(signal),
          },
        ]),
  ];
  return specs.flatMap(({ everyMs, ...spec }) => (everyMs === null ? [] : [{ ...spec, everyMs }]));
}

/** The conductor need not wait for silence; when it cannot be told, it will. */
export const sayGoodbye = (host: ComputeHost): Promise<void> =>
  host.conductor
    .hostStopped({ host: host.host })
    .catch((error: unknown) => host.log.info({ err: error }, 'the conductor could not be told that the host stops'));

const find = (reconcilers: readonly Reconciler[], name: string): Reconciler | undefined =>
  reconcilers.find((reconciler) => reconciler.name === name);
const runNow = (reconcilers: readonly Reconciler[], name: string): Promise<void> => find(reconcilers, name)?.runNow() ?? Promise.resolve();
