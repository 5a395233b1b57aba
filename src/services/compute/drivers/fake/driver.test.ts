import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../../config/index.ts';
import { systemClock } from '../../../../lib/clock.ts';
import { unavailable } from '../../../../lib/errors.ts';
import { describeDriver, tinyGuest } from '../conformance.ts';
import { fakeHypervisors } from './hypervisors.ts';

const { settings } = readSettings('');
const { signal } = new AbortController();
const open = (statePath: string | null = null) => fakeHypervisors({ clock: systemClock, settings, statePath });

describeDriver('fake', () => Promise.resolve(open().driver('host')));

describe('fake hypervisors', () => {
  it('fail as told, for one guest, so many times', async () => {
    const hypervisors = open();
    const driver = hypervisors.driver('host');
    hypervisors.faults.add({ operation: 'spawn', guest: 'unlucky', times: 1, error: unavailable('The disk is on fire.') });
    const unlucky = tinyGuest({ about: { ...tinyGuest().about, displayName: 'unlucky-1' } });
    await driver.spawn(tinyGuest(), { paused: false, signal });
    await expect(driver.spawn(unlucky, { paused: false, signal })).rejects.toThrow('on fire');
    expect(await driver.inspect(unlucky.id)).toBe(null);
    await driver.spawn(unlucky, { paused: false, signal });
    expect(await driver.guests()).toHaveLength(2);
  });

  it('are slow as told, until the work is given up', async () => {
    const hypervisors = open();
    using _ = hypervisors.faults.add({ operation: 'spawn', delayMs: 60_000 });
    const control = new AbortController();
    const spawning = hypervisors.driver('host').spawn(tinyGuest(), { paused: false, signal: control.signal });
    control.abort(new Error('given up'));
    await expect(spawning).rejects.toThrow();
    expect(await hypervisors.driver('host').guests()).toEqual([]);
  });

  it('keep guests of each host apart, and over a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fake-driver-'));
    const guest = tinyGuest();
    const before = open(directory);
    await before.driver('one').spawn(guest, { paused: false, signal });
    before.close();
    const after = open(directory);
    expect([(await after.driver('one').guests()).map(({ id }) => id), await after.driver('two').guests()]).toEqual([[guest.id], []]);
    expect(await after.driver('one').consoleLog(guest.id, 10_000)).toContain(`${guest.name} login:`);
    after.close();
    rmSync(directory, { recursive: true });
  });

  it('hand guests over to each other: set aside, or while they run', async () => {
    const hypervisors = open();
    const [one, two] = [hypervisors.driver('one'), hypervisors.driver('two')];
    const guest = tinyGuest();
    await one.spawn(guest, { paused: false, signal });
    await one.moves!.setAside(guest.id, { becomes: [], graceSeconds: 0, signal });
    await two.moves!.takeOver(guest, { from: 'one', start: true, signal });
    await one.moves!.discardAside(guest.id);
    expect([await one.guests(), await two.guests()]).toEqual([[], [expect.objectContaining({ id: guest.id, powerState: 1 })]]);
    await one.liveMoves!.prepare(guest, { from: 'two', signal });
    await two.liveMoves!.send(guest.id, { to: 'one', signal });
    expect([await one.guests(), await two.guests()]).toEqual([[expect.objectContaining({ id: guest.id, powerState: 1 })], []]);
  });

  it('keep a guest that is on its way until it has arrived, is forced to, or is given up', async () => {
    const hypervisors = open();
    using _ = hypervisors.faults.add({ operation: 'liveMigrate', delayMs: 60_000 });
    const [one] = [hypervisors.driver('one'), hypervisors.driver('two')];
    const guest = tinyGuest();
    await one.spawn(guest, { paused: false, signal });
    const live = one.liveMoves!;
    await expect(live.forceComplete(guest.id)).rejects.toMatchObject({ kind: 'conflict' });
    const control = new AbortController();
    const sending = live.send(guest.id, { to: 'two', signal: control.signal });
    const { memoryTotal, memoryRemaining, memoryProcessed } = live.progress(guest.id)!;
    expect([memoryTotal, memoryRemaining + memoryProcessed]).toEqual([64 * 1024 ** 2, memoryTotal]);
    control.abort(new Error('given up'));
    await expect(sending).rejects.toThrow();
    expect([live.progress(guest.id), (await one.guests()).length]).toEqual([null, 1]);
    const forced = live.send(guest.id, { to: 'two', signal });
    await live.forceComplete(guest.id);
    await forced;
    expect(await one.guests()).toEqual([]);
  });
});
