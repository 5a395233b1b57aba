import { startReconciler } from '../../lib/reconciler/reconciler.ts';
import { memoryJournal } from '../../lib/rpc/journal.ts';
import type { FakeHypervisors } from './drivers/fake/hypervisors.ts';
import { fakeHypervisors } from './drivers/fake/hypervisors.ts';
import { namedNodeIdentity } from './node-identity.ts';
import { followEvents } from './reconcilers/follow-events.ts';
import { keptAdditions } from './kept-additions.ts';
import { readProviderConfig } from './provider-config.ts';
import { resourceReport } from './reconcilers/resource-report.ts';
import { forEachAtOnce, slots } from './slots.ts';
import { reconcilersOf, registerHost, sayGoodbye, type ComputeDeps, type ComputeService } from './start-compute.ts';

export interface FakeHostsDeps extends Omit<ComputeDeps, 'driver' | 'driverName' | 'host'> {
  readonly hosts: readonly string[];
  /** Theirs, to make them fail; else some that live on in `statePath`. */
  readonly hypervisors?: FakeHypervisors;
}

export interface FakeHosts extends Omit<ComputeService, 'host' | 'nodeUuid'> {
  readonly hosts: readonly { readonly host: string; readonly nodeUuid: string }[];
}

/** How many hosts talk to other services at the same time. */
const atOnce = 24;
/** A host that has not changed reads placement again after so many reports. */
const readPlacementEvery = 10;

/** `name`, or `name-0001` and so on when there are several. */
export const fakeHostNames = (name: string, count: number): readonly string[] =>
  count === 1 ? [name] : Array.from({ length: count }, (_, index) => `${name}-${String(index + 1).padStart(String(count).length, '0')}`);

/** Starts many fake hosts in this process, as `startCompute` would each: they share timers and places at other services. */
export async function startFakeHosts(deps: FakeHostsDeps): Promise<FakeHosts> {
  const { settings, clock, log, statePath } = deps;
  const additions = { config: readProviderConfig(settings.compute.provider_config_location, log), kept: keptAdditions(null) };
  const hypervisors = deps.hypervisors ?? fakeHypervisors({ clock, settings, statePath });
  const began = clock.now();
  const following = new AbortController();
  const started: {
    readonly unserve: () => Promise<void>;
    readonly host: Parameters<typeof reconcilersOf>[0];
    readonly scans: Map<string, ReturnType<typeof reconcilersOf>[number]>;
    readonly followed: Promise<void>;
  }[] = [];
  const stopHosts = async (): Promise<void> => {
    following.abort();
    await forEachAtOnce(atOnce, started, async ({ unserve, host, followed }) => {
      await Promise.all([unserve(), followed]);
      await sayGoodbye(host);
    });
    if (deps.hypervisors === undefined) hypervisors.close();
  };
  const failures = await forEachAtOnce(atOnce, deps.hosts, async (name) => {
    const registered = await registerHost({
      ...deps,
      host: name,
      driverName: 'fake.FakeDriver',
      driver: hypervisors.driver(name),
      node: namedNodeIdentity(settings.kilonova.cloud_id, name),
      journal: memoryJournal(1_000),
    });
    const { host } = registered;
    const report = resourceReport(host, { readEvery: readPlacementEvery, additions });
    registered.onReport(async () => void (await report()));
    const tellSoon = (): void =>
      void report().catch((error: unknown) => host.log.debug({ err: error }, 'a change was not reported; the next report tells'));
    host.holdings.onChange(tellSoon);
    host.outcomes.onChange(tellSoon);
    const scans = new Map(reconcilersOf(host, report).map((spec) => [spec.name, spec]));
    const followed = followEvents(host, following.signal, () => undefined);
    started.push({ unserve: registered.unserve, host, scans, followed });
  });
  if (failures.length > 0) {
    await stopHosts();
    throw failures[0]!.error;
  }
  log.info({ hosts: started.length, milliseconds: clock.now() - began }, 'fake hosts started');

  const places = slots(atOnce);
  const names = new Map(started.flatMap(({ scans }) => [...scans.values()].map((spec) => [spec.name, spec.everyMs] as const)));
  const reconcilers = [...names].map(([name, everyMs]) =>
    startReconciler(
      {
        name,
        everyMs,
        run: async (signal) => {
          const failed = await forEachAtOnce(atOnce, started, async ({ scans }) => {
            signal.throwIfAborted();
            await places.run(() => scans.get(name)?.run(signal) ?? Promise.resolve(undefined));
          });
          signal.throwIfAborted();
          if (failed.length > 0)
            throw new Error(`${failed.length} of ${started.length} fake hosts failed, the first being ${failed[0]!.item.host.host}`, {
              cause: failed[0]!.error,
            });
          return { hosts: started.length };
        },
      },
      { clock, log },
    ),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(reconcilers.map((reconciler) => reconciler.stop()));
    await stopHosts();
  };
  return {
    hosts: started.map(({ host }) => ({ host: host.host, nodeUuid: host.node.uuid })),
    status: () => reconcilers.map((reconciler) => reconciler.status()),
    reconcile: async () => void (await Promise.all(reconcilers.map((reconciler) => reconciler.runNow()))),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
