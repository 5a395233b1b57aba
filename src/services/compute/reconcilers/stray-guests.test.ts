import { describe, expect, it } from 'vitest';
import { conductor, conductorTopic } from '../../../contracts/conductor.ts';
import type { Clock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import { composeHost } from '../compute-host.ts';
import { tinyGuest } from '../drivers/conformance.ts';
import { fakeHypervisors } from '../drivers/fake/hypervisors.ts';
import { onHost, world } from '../test-support/world.ts';
import { strayGuests } from './stray-guests.ts';

const { signal } = new AbortController();

async function host(conf = '') {
  let now = 0;
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const around = await world(conf);
  const driver = fakeHypervisors({ clock, settings: around.settings, statePath: null }).driver('host');
  const self = composeHost({
    ...around,
    host: 'host',
    node: { uuid: 'n', name: 'host' },
    driver,
    conductor: around.bus.client(conductorTopic, conductor),
    clock,
    log: silentLog,
    images: null,
  });
  const guest = tinyGuest();
  await driver.spawn(guest, { paused: false, signal });
  const scan = strayGuests(self);
  return { around, driver, self, guest, at: (ms: number) => ((now = ms), scan(signal)) };
}

describe('a guest that should not be on the host', () => {
  it('is removed when two scans, a grace apart, found it', async () => {
    const { at, driver, guest } = await host();
    await at(0);
    await at(30_000);
    expect(await driver.inspect(guest.id)).not.toBe(null);
    expect(await at(60_000)).toEqual({ strays: [guest.id], handled: [guest.id] });
    expect(await driver.inspect(guest.id)).toBe(null);
  });

  it('is given the whole grace again when its instance was seen in between', async () => {
    const { at, around, driver, guest } = await host();
    await at(0);
    around.instances = [onHost({ instanceId: guest.id, vmState: 'building' })];
    await at(50_000);
    around.instances = [];
    await at(100_000);
    expect(await driver.inspect(guest.id)).not.toBe(null);
  });

  it('is left alone while something is being done to it', async () => {
    const { at, driver, self, guest } = await host();
    const ended = Promise.withResolvers<void>();
    const work = self.locks.run(guest.id, signal, () => ended.promise);
    await at(0);
    await at(100_000);
    ended.resolve();
    await work;
    expect(await driver.inspect(guest.id)).not.toBe(null);
  });

  it('is only switched off, or only named, when the operator says so', async () => {
    const shutdown = await host('[DEFAULT]\nrunning_deleted_instance_action = shutdown\n');
    await shutdown.at(0);
    await shutdown.at(100_000);
    expect((await shutdown.driver.inspect(shutdown.guest.id))?.powerState).toBe(4);
    const log = await host('[DEFAULT]\nrunning_deleted_instance_action = log\n');
    await log.at(0);
    await log.at(100_000);
    expect((await log.driver.inspect(log.guest.id))?.powerState).toBe(1);
  });
});
