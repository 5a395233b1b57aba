import type { ImageClient } from '../../src/clients/image.ts';
import type { NetworkClient } from '../../src/clients/network.ts';
import type { VolumeClient } from '../../src/clients/volume.ts';
import type { Settings } from '../../src/config/index.ts';
import { computeAgent, computeTopic, type ComputeAgent } from '../../src/contracts/compute.ts';
import type { Conductor } from '../../src/contracts/conductor.ts';
import type { PowerState } from '../../src/domain/instance.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { inProcessBus } from '../../src/lib/rpc/in-process.ts';
import { memoryJournal, type CommandJournal } from '../../src/lib/rpc/journal.ts';
import { agentHandlers } from '../../src/services/compute/agent-handlers.ts';
import { composeHost } from '../../src/services/compute/compute-host.ts';
import { tinyGuest } from '../../src/services/compute/drivers/conformance.ts';
import type { VolumeSpec } from '../../src/services/compute/drivers/driver.ts';
import { fakeHypervisors, type FakeHypervisors } from '../../src/services/compute/drivers/fake/hypervisors.ts';

/** Compute hosts with the real agent over hypervisors that pretend. */
export interface WorldHosts {
  readonly hypervisors: FakeHypervisors;
  /** Hosts that do not answer. */
  readonly silent: Set<string>;
  readonly guests: WorldGuests;
  agentOn(host: string): ComputeAgent;
  close(): Promise<void>;
}

/** The guests of all hosts; a server that runs twice is here twice. */
export interface WorldGuests {
  of(id: string): Promise<readonly { readonly host: string; readonly powerState: PowerState }[]>;
  /** A guest that runs and has these volumes, made behind the back of everybody. */
  make(id: string, host: string, volumeIds?: readonly string[]): Promise<void>;
  /** Removed from every host, likewise. */
  remove(id: string): Promise<void>;
}

const volumeSpec = (volumeId: string): VolumeSpec => ({
  volumeId,
  device: 'disk',
  bus: null,
  target: 'vdb',
  bootIndex: null,
  shareable: false,
  connection: null,
});

/** Remembers epochs and no outcomes, as after the worst crash: a repeated command is really done again. */
const forgetfulJournal = (): CommandJournal => ({ ...memoryJournal(), outcome: () => null, record: () => undefined });

export async function startWorldHosts(
  names: readonly string[],
  {
    settings,
    network,
    image,
    volume,
    conductor,
  }: {
    readonly image: Pick<ImageClient, 'show' | 'upload'>;
    readonly settings: Settings;
    readonly network: NetworkClient;
    readonly volume: VolumeClient;
    readonly conductor: Conductor;
  },
): Promise<WorldHosts> {
  const bus = inProcessBus();
  const hypervisors = fakeHypervisors({ clock: systemClock, settings, statePath: null });
  const silent = new Set<string>();
  for (const name of names) {
    const host = composeHost({
      host: name,
      node: { uuid: name, name },
      settings,
      driver: hypervisors.driver(name),
      conductor,
      clients: { network, volume, image: image as ImageClient, placement: null as never }, // a host that pretends asks them no more
      identity: { serviceSession: { token: () => Promise.resolve('none') } },
      clock: systemClock,
      log: silentLog,
      images: null,
    });
    await bus.serve(
      computeTopic(name),
      computeAgent,
      agentHandlers(host, () => Promise.resolve()),
      { journal: forgetfulJournal() },
    );
  }
  const driverOf = (name: string) => hypervisors.driver(name);
  return {
    hypervisors,
    silent,
    guests: {
      async of(id) {
        const seen = await Promise.all(names.map(async (host) => ({ host, guest: await driverOf(host).inspect(id) })));
        return seen.flatMap(({ host, guest }) => (guest === null ? [] : [{ host, powerState: guest.powerState }]));
      },
      async make(id, host, volumeIds = []) {
        await driverOf(host).spawn(tinyGuest({ id, volumes: volumeIds.map(volumeSpec) }), {
          paused: false,
          signal: new AbortController().signal,
        });
      },
      async remove(id) {
        for (const name of names) await driverOf(name).destroy(id);
      },
    },
    agentOn(name) {
      const client = bus.client(computeTopic(name), computeAgent);
      const mute = (): Promise<never> => Promise.reject(unavailable(`Nobody serves '${computeTopic(name)}' now.`));
      return new Proxy(client, { get: (target, key) => (silent.has(name) ? mute : (Reflect.get(target, key) as unknown)) });
    },
    close: () => bus.close(),
  };
}
