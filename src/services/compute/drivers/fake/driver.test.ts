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
});
