import { describe, expect, it } from 'vitest';
import { computeAgent, computeTopic } from '../../contracts/compute.ts';
import { systemClock } from '../../lib/clock.ts';
import { unavailable } from '../../lib/errors.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { fakeHypervisors } from './drivers/fake/hypervisors.ts';
import { fakeHostNames, startFakeHosts } from './start-fake-hosts.ts';
import { order, world, type World } from './test-support/world.ts';

const start = async (count: number, given?: World) => {
  const around = given ?? (await world());
  const hypervisors = fakeHypervisors({ clock: systemClock, settings: around.settings, statePath: null });
  const hosts = await startFakeHosts({
    ...around,
    hosts: fakeHostNames('host', count),
    hypervisors,
    statePath: '/nonexistent',
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  return { around, hypervisors, hosts };
};

describe('fakeHostNames', () => {
  it('numbers hosts only when there are several', () => {
    expect([fakeHostNames('a', 1), fakeHostNames('a', 2), fakeHostNames('a', 10)[0]]).toEqual([['a'], ['a-1', 'a-2'], 'a-01']);
  });
});

describe('fake hosts', () => {
  it('are each a host of its own', async () => {
    const { around, hosts } = await start(3);
    await hosts.reconcile();
    expect(around.told.started.toSorted()).toEqual(['host-1', 'host-2', 'host-3']);
    expect([...around.providers.values()].map(({ name }) => name).toSorted()).toEqual(['host-1', 'host-2', 'host-3']);
    const guest = order();
    await around.bus.client(computeTopic('host-2'), computeAgent).spawn({ order: guest }, { key: `${guest.instanceId}/1` });
    const counts = await Promise.all(
      hosts.hosts.map(async ({ host }) => (await around.bus.client(computeTopic(host), computeAgent).guests({})).guests.length),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(1);
    await hosts.stop();
    expect(around.told.stopped).toHaveLength(3);
  });

  it('start by the thousand', async () => {
    const { around, hosts } = await start(1000);
    await hosts.reconcile();
    expect([hosts.hosts.length, around.providers.size]).toEqual([1000, 1000]);
    const written = [...around.providers.values()].reduce((sum, { generation }) => sum + generation, 0);
    await hosts.reconcile();
    expect([...around.providers.values()].reduce((sum, { generation }) => sum + generation, 0)).toBe(written);
    await hosts.stop();
  });

  it('tell which one could not report', async () => {
    const around = await world();
    around.clients.placement.ensureProvider = () => Promise.reject(unavailable('The placement service does not answer.'));
    const { hosts } = await start(2, around);
    await hosts.reconcile();
    expect(hosts.status().find(({ name }) => name === 'resource report')?.lastError).toMatch(
      /^Error: 2 of 2 fake hosts failed, the first being host-[12]$/,
    );
    await hosts.stop();
  });
});
