import { powerStates } from '../../../src/domain/instance.ts';
import { internal } from '../../../src/lib/errors.ts';
import type { Service, SimulatedCloud } from './cloud.ts';
import type { Random } from './random.ts';
import type { Watcher } from './watcher.ts';

/** What the operator does when a host does not come back. */
export interface Operator {
  evacuate(host: string): Promise<void>;
}

/** Something that goes wrong once. It ends when what it took away is there again. */
type Fault = (cloud: SimulatedCloud, random: Random, deps: { readonly watcher: Watcher; readonly operator: Operator }) => Promise<void>;

/** Kills a service: between two steps, or in the middle of one. */
async function kill({ clock }: SimulatedCloud, random: Random, service: Service): Promise<void> {
  const process = service.process();
  if (process === null) return;
  process.dieAfter(random.between(1, 60), random.pick(['before', 'after']));
  await clock.sleep(random.between(0, 20_000));
  process.kill(); // one that has had nothing to do
}

const diesAndComesBack =
  (choose: (cloud: SimulatedCloud, random: Random) => Service): Fault =>
  async (cloud, random) => {
    const service = choose(cloud, random);
    await kill(cloud, random, service);
    await cloud.clock.sleep(random.pick([500, 5_000, 20_000, 90_000]));
    service.start();
  };

const controlNamed = (kind: string) => (cloud: SimulatedCloud, random: Random) =>
  random.pick(cloud.control.filter(({ name }) => name.startsWith(kind)));
/** A host that has something to lose, more often than not. */
const someHost = (cloud: SimulatedCloud, random: Random): string => {
  const inUse = [...new Set([...cloud.ports.values()].map(({ binding }) => binding.hostId))].filter((host) => cloud.agents.has(host));
  return inUse.length > 0 && random.chance(0.85) ? random.pick(inUse) : random.pick(cloud.hosts);
};

const cutOff =
  (choose: (cloud: SimulatedCloud, random: Random) => string): Fault =>
  async ({ clock, network, ...cloud }, random, { watcher }) => {
    const machine = choose({ clock, network, ...cloud }, random);
    watcher.trace(`${machine} is cut off`);
    network.cutOff.add(machine);
    await clock.sleep(random.pick([2_000, 10_000, 40_000, 120_000]));
    network.cutOff.delete(machine);
    watcher.trace(`${machine} is reached again`);
  };

/** A power cut: the agent is gone in the middle of whatever it does, and no guest runs any more. */
export async function powerCut(cloud: SimulatedCloud, host: string, watcher: Watcher): Promise<void> {
  watcher.trace(`${host} has no power`);
  cloud.agents.get(host)!.process()?.kill();
  const driver = cloud.hypervisors.driver(host);
  for (const { id, powerState } of await driver.guests()) if (powerState !== powerStates.shutdown) driver.happen(id, 'shutdown');
}

const machineDies: Fault = async (cloud, random, { watcher, operator }) => {
  const host = someHost(cloud, random);
  if (cloud.agents.get(host)!.process() === null) return;
  await powerCut(cloud, host, watcher);
  const given = random.chance(0.6);
  await cloud.clock.sleep(random.between(1_000, 90_000));
  if (given) await operator.evacuate(host);
  await cloud.clock.sleep(random.between(0, 120_000));
  cloud.agents.get(host)!.start();
};

const hypervisorFails: Fault = async (cloud, random) => {
  const host = random.chance(0.7) ? { host: someHost(cloud, random) } : {};
  const operation = random.chance(0.7)
    ? { operation: random.pick(['spawn', 'destroy', 'powerOff', 'takeOver', 'setAside', 'liveMigrate', 'attachVolume', 'bringBack']) }
    : {};
  const error = random.chance(0.5) ? { error: internal('The hypervisor says no.') } : {};
  using _ = cloud.hypervisors.faults.add({
    ...host,
    ...operation,
    ...error,
    delayMs: random.between(0, 30_000),
    times: random.between(1, 4),
  });
  await cloud.clock.sleep(random.between(5_000, 60_000));
};

const guestCrashes: Fault = async (cloud, random) => {
  const driver = cloud.hypervisors.driver(someHost(cloud, random));
  const running = (await driver.guests()).filter(({ powerState }) => powerState === powerStates.running);
  if (running.length > 0) driver.happen(random.pick(running).id, random.pick(['crash', 'shutdown']));
};

const faults: readonly (readonly [number, Fault])[] = [
  [5, diesAndComesBack((cloud, random) => cloud.agents.get(someHost(cloud, random))!)],
  [4, diesAndComesBack(controlNamed('conductor'))],
  [1, diesAndComesBack(controlNamed('scheduler'))],
  [1, diesAndComesBack(controlNamed('api'))],
  [3, cutOff(someHost)],
  [1, cutOff((_cloud, random) => random.pick(['control-1', 'control-2']))],
  [3, machineDies],
  [4, hypervisorFails],
  [1, guestCrashes],
];
const allWeights = faults.reduce((sum, [weight]) => sum + weight, 0);

/** Goes on until `stopped`: one thing after the other goes wrong, and some at the same time. */
export async function wearDown(
  cloud: SimulatedCloud,
  random: Random,
  deps: { readonly watcher: Watcher; readonly operator: Operator; readonly stopped: () => boolean },
): Promise<void> {
  while (!deps.stopped()) {
    await cloud.clock.sleep(random.between(500, 30_000));
    if (deps.stopped()) return;
    let left = random.next() * allWeights;
    const [, fault] = faults.find(([weight]) => (left -= weight) < 0) ?? faults[0]!;
    await fault(cloud, random, deps);
  }
}
