import { afterEach, describe, expect, it } from 'vitest';
import { computeAgent, computeTopic, type ComputeAgent } from '../../contracts/compute.ts';
import { powerStates } from '../../domain/instance.ts';
import { systemClock } from '../../lib/clock.ts';
import { unavailable } from '../../lib/errors.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { fakeHypervisors, type FakeHypervisors } from './drivers/fake/hypervisors.ts';
import { tinyGuest } from './drivers/conformance.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { startCompute, type ComputeService } from './start-compute.ts';
import { flavor, onHost, order, vif, world, type World } from './test-support/world.ts';

interface Running {
  readonly around: World;
  readonly hypervisors: FakeHypervisors;
  readonly service: ComputeService;
  readonly agent: ComputeAgent;
}

const started: ComputeService[] = [];
afterEach(async () => {
  for (const service of started.splice(0)) await service.stop();
});

async function running({
  conf = '',
  wrap = (driver: HypervisorDriver): HypervisorDriver => driver,
  ...made
}: {
  conf?: string;
  wrap?: (driver: HypervisorDriver) => HypervisorDriver;
  around?: World;
  hypervisors?: FakeHypervisors;
} = {}): Promise<Running> {
  const around = made.around ?? (await world(conf));
  const hypervisors = made.hypervisors ?? fakeHypervisors({ clock: systemClock, settings: around.settings, statePath: null });
  const service = await startCompute({
    settings: around.settings,
    host: 'host',
    driverName: 'fake.FakeDriver',
    statePath: '/tmp',
    bus: around.bus,
    clients: around.clients,
    identity: around.identity,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    driver: wrap(hypervisors.driver('host')),
  });
  started.push(service);
  await service.reconcile();
  return { around, hypervisors, service, agent: around.bus.client(computeTopic('host'), computeAgent) };
}

let keys = 0;
const key = (instanceId: string) => ({ key: `${instanceId}/${keys++}` });
/** The fake with ports that must be reported ready. */
const plugging = { wrap: (driver: HypervisorDriver): HypervisorDriver => ({ ...driver, ports: { prepare: () => Promise.resolve() } }) };

describe('a compute host that starts', () => {
  it('removes what was evacuated or is no longer set aside before it serves', async () => {
    const around = await world();
    const hypervisors = fakeHypervisors({ clock: systemClock, settings: around.settings, statePath: null });
    const driver = hypervisors.driver('host');
    const { signal } = new AbortController();
    const [made, unmade, kept, forgotten] = [tinyGuest(), tinyGuest(), tinyGuest(), tinyGuest()];
    for (const guest of [made, unmade, kept, forgotten]) await driver.spawn(guest, { paused: false, signal });
    for (const { id } of [kept, forgotten]) await driver.moves!.setAside(id, { becomes: [], graceSeconds: 0, signal });
    around.setAside = [kept.id];
    around.evacuated = [
      { instanceId: made.id, moveId: 'm1', made: true },
      { instanceId: unmade.id, moveId: 'm2', made: false },
    ];
    await running({ around, hypervisors });
    expect(await driver.guests()).toEqual([expect.objectContaining({ id: unmade.id, powerState: powerStates.shutdown })]);
    expect(await driver.moves!.aside()).toEqual([kept.id]);
    expect(around.told.removed).toEqual(['m1']);
  });

  it('makes itself known, and reports its node to placement', async () => {
    const { around, service } = await running();
    expect(around.told.started).toEqual(['host']);
    const provider = around.providers.get(service.nodeUuid);
    expect(provider?.name).toBe('host');
    expect(provider?.inventories['VCPU']).toEqual({ total: 1000, reserved: 0, minUnit: 1, maxUnit: 1000, stepSize: 1, allocationRatio: 4 });
    expect(provider?.inventories['MEMORY_MB']).toMatchObject({ total: 800_000, reserved: 512, allocationRatio: 1 });
    expect(provider?.traits).toEqual(expect.arrayContaining(['COMPUTE_NODE', 'OWNER_NOVA', 'COMPUTE_STORAGE_BUS_VIRTIO']));
  });

  it('answers the ping only while it serves, and says goodbye', async () => {
    const { around, service, agent } = await running();
    expect(await agent.ping({})).toEqual({ version: 1, problems: [], now: expect.any(Number) });
    await service.stop();
    await expect(agent.ping({})).rejects.toMatchObject({ code: 'no-responders' });
    expect(around.told.stopped).toEqual(['host']);
  });
});

describe('a resource report', () => {
  it('looks again when somebody else wrote to placement in between', async () => {
    const { around, service, agent } = await running();
    const provider = around.providers.get(service.nodeUuid)!;
    provider.traits.push('CUSTOM_MINE');
    provider.traits = provider.traits.filter((trait) => trait !== 'OWNER_NOVA');
    let others = 2;
    around.beforePlacementWrite = () => void (others-- > 0 && provider.generation++);
    await agent.reportResources({});
    expect([others < 0, provider.traits.includes('OWNER_NOVA'), provider.traits.includes('CUSTOM_MINE')]).toEqual([true, true, true]);
  });

  it('tells of the guests', async () => {
    const { around, agent } = await running();
    const guest = order();
    await agent.spawn({ order: guest }, key(guest.instanceId));
    await agent.reportResources({});
    expect(around.told.nodes.at(-1)).toMatchObject({
      name: 'host',
      runningVms: 1,
      vcpusUsed: 1,
      memoryMbUsed: 64 + 512,
      localGbUsed: 1,
      hypervisorType: 'fake',
    });
  });
});

describe('a guest', () => {
  it('is spawned once, however often it is ordered', async () => {
    const { agent } = await running();
    const guest = order();
    const again = key(guest.instanceId);
    expect(await agent.spawn({ order: guest }, again)).toEqual({ powerState: powerStates.running });
    expect(await agent.spawn({ order: guest }, again)).toEqual({ powerState: powerStates.running });
    expect(await agent.spawn({ order: guest }, key(guest.instanceId))).toEqual({ powerState: powerStates.running });
    expect((await agent.guests({})).guests).toEqual([{ instanceId: guest.instanceId, name: guest.name, powerState: powerStates.running }]);
  });

  it('goes through its life', async () => {
    const { agent } = await running();
    const guest = order();
    const { instanceId } = guest;
    const ref = { instanceId };
    await agent.spawn({ order: guest }, key(instanceId));
    const states = [
      await agent.pause(ref, key(instanceId)),
      await agent.unpause(ref, key(instanceId)),
      await agent.suspend(ref, key(instanceId)),
      await agent.resume({ order: guest }, key(instanceId)),
      await agent.powerOff({ instanceId, graceSeconds: 0 }, key(instanceId)),
      await agent.powerOn({ order: guest }, key(instanceId)),
      await agent.reboot({ order: guest, type: 'SOFT' }, key(instanceId)),
      await agent.reboot({ order: guest, type: 'HARD' }, key(instanceId)),
    ].map(({ powerState }) => powerState);
    expect(states).toEqual([3, 1, 4, 1, 4, 1, 1, 1]);
    expect((await agent.consoleOutput({ instanceId, lines: 1 })).text).toBe(`${guest.name} login:`);
    await agent.destroy({ instanceId, vifs: [] }, key(instanceId));
    await agent.destroy({ instanceId, vifs: [] }, key(instanceId));
    expect(await agent.inspect(ref)).toBe(null);
  });

  it('leaves nothing behind when it cannot be spawned', async () => {
    const { agent, hypervisors } = await running(plugging);
    hypervisors.faults.add({ operation: 'unpause', error: unavailable('no more') });
    const guest = order({ networkInfo: [vif()] });
    const spawning = agent.spawn({ order: guest }, key(guest.instanceId));
    await expect.poll(() => agent.inspect({ instanceId: guest.instanceId })).not.toBe(null);
    await agent.networkEvent({
      instanceId: guest.instanceId,
      name: 'network-vif-plugged',
      tag: guest.networkInfo[0]!.portId,
      status: 'completed',
    });
    await expect(spawning).rejects.toThrow('no more');
    expect((await agent.guests({})).guests).toEqual([]);
  });

  it('is refused when its image asks for what does not exist', async () => {
    const { agent } = await running();
    const image = { id: 'i', name: null, diskFormat: 'qcow2', containerFormat: 'bare', minDisk: 0, minRam: 0, size: 1, checksum: null };
    const guest = order({ image: { ...image, properties: { hw_disk_bus: "virtio'/><x/>" } } });
    await expect(agent.spawn({ order: guest }, key(guest.instanceId))).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('whose spawn takes long is given up when it is destroyed', async () => {
    const { agent, hypervisors } = await running();
    hypervisors.faults.add({ operation: 'spawn', delayMs: 60_000 });
    const guest = order();
    const spawning = agent.spawn({ order: guest }, key(guest.instanceId));
    const ended = expect(spawning).rejects.toThrow();
    await agent.destroy({ instanceId: guest.instanceId, vifs: [] }, key(guest.instanceId));
    await ended;
    expect(await agent.inspect({ instanceId: guest.instanceId })).toBe(null);
  });

  it('waits for its turn when too many are built', async () => {
    const { agent, hypervisors } = await running({ conf: '[DEFAULT]\nmax_concurrent_builds = 1\n' });
    const slow = order({ displayName: 'slow' });
    const other = order();
    const fault = hypervisors.faults.add({ operation: 'spawn', guest: 'slow', delayMs: 60_000 });
    const first = agent.spawn({ order: slow }, key(slow.instanceId)).catch(() => 'given up');
    const second = agent.spawn({ order: other }, key(other.instanceId));
    await agent.ping({});
    expect(await agent.inspect({ instanceId: other.instanceId })).toBe(null);
    fault[Symbol.dispose]();
    await agent.destroy({ instanceId: slow.instanceId, vifs: [] }, key(slow.instanceId));
    expect([await first, await second]).toEqual(['given up', { powerState: powerStates.running }]);
  });
});

describe('ports', () => {
  it('hold the processors of a guest until they are reported ready', async () => {
    const { agent } = await running(plugging);
    const guest = order({ networkInfo: [vif(), vif({ active: true })] });
    const { instanceId } = guest;
    const spawning = agent.spawn({ order: guest }, key(instanceId));
    await expect.poll(() => agent.inspect({ instanceId })).toEqual({ powerState: powerStates.paused });
    await agent.networkEvent({ instanceId, name: 'network-vif-plugged', tag: guest.networkInfo[0]!.portId, status: 'completed' });
    expect(await spawning).toEqual({ powerState: powerStates.running });
  });

  it('that the network cannot wire end the build', async () => {
    const { agent } = await running(plugging);
    const guest = order({ networkInfo: [vif()] });
    const { instanceId } = guest;
    const spawning = agent.spawn({ order: guest }, key(instanceId));
    const ended = expect(spawning).rejects.toThrow('Virtual Interface creation failed');
    await expect.poll(() => agent.inspect({ instanceId })).not.toBe(null);
    await agent.networkEvent({ instanceId, name: 'network-vif-plugged', tag: guest.networkInfo[0]!.portId, status: 'failed' });
    await ended;
    expect(await agent.inspect({ instanceId })).toBe(null);
  });

  it('end the build when nothing is heard of them, or do not', async () => {
    const guest = order({ networkInfo: [vif()] });
    const fatal = await running({ ...plugging, conf: '[DEFAULT]\nvif_plugging_timeout = 1\n' });
    await expect(fatal.agent.spawn({ order: guest }, key(guest.instanceId))).rejects.toThrow('within 1 s');
    await fatal.service.stop();
    const lenient = await running({ ...plugging, conf: '[DEFAULT]\nvif_plugging_timeout = 1\nvif_plugging_is_fatal = false\n' });
    expect(await lenient.agent.spawn({ order: guest }, key(guest.instanceId))).toEqual({ powerState: powerStates.running });
  });

  it('are not waited for where nothing is plugged', async () => {
    const { agent } = await running();
    const guest = order({ networkInfo: [vif({ vifType: 'other' })] });
    expect(await agent.spawn({ order: guest }, key(guest.instanceId))).toEqual({ powerState: powerStates.running });
  });
});

describe('guests that change by themselves', () => {
  it('are told of', async () => {
    const { around, agent, hypervisors } = await running();
    const guest = order();
    await agent.spawn({ order: guest }, key(guest.instanceId));
    hypervisors.driver('host').happen(guest.instanceId, 'crash');
    await expect.poll(() => around.told.events).toMatchObject([{ instanceId: guest.instanceId, event: 'crashed' }]);
  });

  it('are told of though the event was missed', async () => {
    const { around, agent, service, hypervisors } = await running();
    const guest = order();
    await agent.spawn({ order: guest }, key(guest.instanceId));
    hypervisors.driver('host').happen(guest.instanceId, 'shutdown');
    await expect.poll(() => around.told.events.length).toBe(1);
    around.instances = [onHost({ instanceId: guest.instanceId })];
    await service.reconcile();
    expect(around.told.events.map(({ event }) => event)).toEqual(['stopped', 'stopped']);
  });

  it('are switched off when their user has stopped them', async () => {
    const { around, agent, service } = await running();
    const guest = order({ flavor: flavor() });
    const { instanceId } = guest;
    await agent.spawn({ order: guest }, key(instanceId));
    around.instances = [onHost({ instanceId, vmState: 'stopped', powerState: powerStates.shutdown })];
    await service.reconcile();
    expect(await agent.inspect({ instanceId })).toEqual({ powerState: powerStates.shutdown });
  });
});
