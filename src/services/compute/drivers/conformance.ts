import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GuestEvent } from '../../../domain/hosts.ts';
import { powerStates } from '../../../domain/instance.ts';
import { KilonovaError } from '../../../lib/errors.ts';
import type { DiskSpec, GuestSpec, HypervisorDriver } from './driver.ts';

/** A guest without disks and network: it runs everywhere and needs nothing. */
export function tinyGuest(changes: Partial<GuestSpec> = {}): GuestSpec {
  const id = randomUUID();
  return {
    id,
    name: `conformance-${id.slice(0, 8)}`,
    about: {
      displayName: 'a <guest> & its "name"',
      createdAt: '2026-11-01T00:00:00.000Z',
      flavorName: 'm1.tiny',
      flavorId: '1',
      projectId: 'p',
      projectName: 'demo',
      userId: 'u',
      userName: 'demo',
      imageId: null,
    },
    vcpus: 1,
    memoryMb: 64,
    cpu: { topology: { sockets: 1, cores: 1, threads: 1 } },
    machine: { type: null, firmware: 'bios', secureBoot: false, osType: 'linux', bootMenu: false, hideHypervisor: false },
    disks: [],
    configDrive: null,
    interfaces: [],
    devices: { guestAgent: false, rng: false, video: null, tablet: false, watchdog: null, scsiModel: null },
    limits: { cpuShares: null, cpuPeriod: null, cpuQuota: null, disk: {} },
    ...changes,
  };
}

/** What every driver must do, as tests. Each guest made here is removed again, by its id. */
export function describeDriver(name: string, open: () => Promise<HypervisorDriver>): void {
  describe(`driver conformance: ${name}`, () => {
    let driver: HypervisorDriver;
    const made = new Set<string>();
    const { signal } = new AbortController();
    const spec = (changes: Partial<GuestSpec> = {}): GuestSpec => {
      const guest = tinyGuest(changes);
      made.add(guest.id);
      return guest;
    };
    const spawned = async ({ paused = true }: { paused?: boolean } = {}): Promise<GuestSpec> => {
      const guest = spec();
      await driver.spawn(guest, { paused, signal });
      return guest;
    };
    const powerState = async ({ id }: GuestSpec): Promise<number | null> => (await driver.inspect(id))?.powerState ?? null;

    beforeAll(async () => {
      driver = await open();
    });
    afterEach(async () => {
      for (const id of made) await driver.destroy(id);
      made.clear();
    });
    afterAll(() => driver.close());

    it('says what the host has', async () => {
      const inventory = await driver.inventory();
      expect(inventory.vcpus).toBeGreaterThan(0);
      expect(inventory.memoryMb).toBeGreaterThan(0);
      expect(inventory.localGb).toBeGreaterThan(0);
      expect(inventory.hypervisorVersion).toBeGreaterThan(0);
      expect(inventory.hostname).not.toBe('');
      expect(inventory.supportedInstances.every((entry) => entry.length === 3)).toBe(true);
      expect(inventory.traits.every((trait) => /^[A-Z][A-Z0-9_]*$/.test(trait))).toBe(true);
    });

    it('counts what guests use', async () => {
      const before = await driver.inventory();
      await spawned();
      const after = await driver.inventory();
      expect([after.vcpusUsed - before.vcpusUsed, after.memoryMbUsed - before.memoryMbUsed]).toEqual([1, 64]);
    });

    it('spawns a guest whose processors stand still until it is unpaused', async () => {
      const guest = await spawned();
      expect(await driver.inspect(guest.id)).toEqual({ id: guest.id, name: guest.name, powerState: powerStates.paused });
      await driver.unpause(guest.id);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('refuses to spawn a guest that is there, and leaves it alone', async () => {
      const guest = await spawned();
      await expect(driver.spawn(guest, { paused: false, signal })).rejects.toMatchObject({ kind: 'conflict' });
      expect(await powerState(guest)).toBe(powerStates.paused);
    });

    it('leaves nothing of a spawn that was given up', async () => {
      const guest = spec();
      await expect(driver.spawn(guest, { paused: true, signal: AbortSignal.abort(new Error('given up')) })).rejects.toThrow('given up');
      expect(await driver.inspect(guest.id)).toBe(null);
    });

    it('lists its guests', async () => {
      const guest = await spawned();
      expect((await driver.guests()).filter(({ id }) => id === guest.id)).toEqual([
        { id: guest.id, name: guest.name, powerState: powerStates.paused },
      ]);
    });

    it('destroys a guest, and one that is already gone', async () => {
      const guest = await spawned();
      await driver.destroy(guest.id);
      await driver.destroy(guest.id);
      expect(await driver.inspect(guest.id)).toBe(null);
      expect((await driver.guests()).some(({ id }) => id === guest.id)).toBe(false);
    });

    it('switches a guest off and on again, each as often as asked', async () => {
      const guest = await spawned({ paused: false });
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      expect(await powerState(guest)).toBe(powerStates.shutdown);
      await driver.powerOn(guest, signal);
      await driver.powerOn(guest, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('reboots a guest hard from whatever state', async () => {
      const guest = await spawned();
      await driver.hardReboot(guest, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await driver.hardReboot(guest, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('runs a guest again after a reboot that the guest itself made', async () => {
      const guest = await spawned({ paused: false });
      const went = await driver.softReboot(guest.id, { graceSeconds: 0, signal });
      expect(went ? await powerState(guest) : powerStates.running).toBe(powerStates.running);
    });

    it('pauses and unpauses, each as often as asked', async () => {
      const guest = await spawned({ paused: false });
      await driver.pause(guest.id);
      await driver.pause(guest.id);
      expect(await powerState(guest)).toBe(powerStates.paused);
      await driver.unpause(guest.id);
      await driver.unpause(guest.id);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('suspends and resumes, each as often as asked', async () => {
      const guest = await spawned({ paused: false });
      await driver.suspend(guest.id);
      await driver.suspend(guest.id);
      expect(await powerState(guest)).toBe(powerStates.shutdown);
      await driver.resume(guest, signal);
      await driver.resume(guest, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('destroys a guest that is suspended', async () => {
      const guest = await spawned({ paused: false });
      await driver.suspend(guest.id);
      await driver.destroy(guest.id);
      expect(await driver.inspect(guest.id)).toBe(null);
    });

    it('plugs in an interface and takes it out of a guest that is off, each as often as asked', async () => {
      const guest = await spawned({ paused: false });
      const portId = randomUUID();
      const port = {
        portId,
        macAddress: `fa:16:3e:${portId.slice(0, 2)}:${portId.slice(2, 4)}:${portId.slice(4, 6)}`,
        device: `tap${portId.slice(0, 11)}`,
        bridge: 'lo-conformance',
        model: 'e1000',
        mtu: null,
      };
      await driver.detachInterface(guest.id, port, signal);
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await driver.attachInterface(guest.id, port);
      await driver.attachInterface(guest.id, port);
      await driver.detachInterface(guest.id, port, signal);
      await driver.detachInterface(guest.id, port, signal);
      expect(await powerState(guest)).toBe(powerStates.shutdown);
    });

    const withDisk = async (options: { readonly paused: boolean }): Promise<GuestSpec> => {
      const guest = spec({
        disks: [{ file: 'disk', device: 'disk', bus: 'virtio', content: { kind: 'blank' }, bytes: 1024 ** 2, bootIndex: 1 }],
      });
      await driver.spawn(guest, { ...options, signal });
      return guest;
    };
    const bytesOf = async (guest: GuestSpec, name: string): Promise<Buffer> => {
      const { bytes, data } = await driver.readCopy(guest.id, name);
      const read = Buffer.concat(await data.toArray());
      expect(read.length).toBe(bytes);
      return read;
    };

    it('copies the root disk of a guest that runs and of one that is off, and lets it go on', async () => {
      const guest = await withDisk({ paused: false });
      await driver.copyRootDisk(guest, { name: 'live', format: 'qcow2', quiesce: 'try' }, signal);
      await driver.copyRootDisk(guest, { name: 'live', format: 'qcow2', quiesce: 'never' }, signal);
      expect((await bytesOf(guest, 'live')).toString('latin1', 0, 4)).toBe('QFI\u00FB');
      expect(await powerState(guest)).toBe(powerStates.running);
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await driver.copyRootDisk(guest, { name: 'cold', format: 'raw', quiesce: 'never' }, signal);
      expect(await bytesOf(guest, 'cold')).toHaveLength(1024 ** 2);
      expect(await powerState(guest)).toBe(powerStates.shutdown);
    });

    it('copies nothing where the guest would have to rest and cannot', async () => {
      const guest = await withDisk({ paused: false });
      const copying = driver.copyRootDisk(guest, { name: 'resting', format: 'qcow2', quiesce: 'must' }, signal);
      await expect(copying).rejects.toMatchObject({ kind: 'conflict' });
      await expect(driver.readCopy(guest.id, 'resting')).rejects.toMatchObject({ kind: 'notFound' });
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('forgets copies of disks when told, and with the guest', async () => {
      const guest = await withDisk({ paused: true });
      await driver.copyRootDisk(guest, { name: 'one', format: 'raw', quiesce: 'never' }, signal);
      await driver.copyRootDisk(guest, { name: 'two', format: 'raw', quiesce: 'never' }, signal);
      await driver.discardCopy(guest.id, 'one');
      await driver.discardCopy(guest.id, 'one');
      await expect(driver.readCopy(guest.id, 'one')).rejects.toMatchObject({ kind: 'notFound' });
      await driver.destroy(guest.id);
      await expect(driver.readCopy(guest.id, 'two')).rejects.toMatchObject({ kind: 'notFound' });
    });

    it('rescues a guest and brings it back, each as often as asked', async () => {
      const guest = await withDisk({ paused: false });
      const rescue = { ...guest.disks[0]!, file: 'disk.rescue', onlyForRescue: true } as const;
      const rescued = { ...guest, disks: [rescue, { ...guest.disks[0]!, bootIndex: null }] };
      await driver.rescue(rescued, signal);
      await driver.rescue(rescued, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
      await driver.unrescue(guest, signal);
      await driver.unrescue(guest, signal);
      expect(await powerState(guest)).toBe(powerStates.running);
    });

    it('interrupts a guest', async () => {
      const guest = await spawned({ paused: false });
      await driver.interrupt(guest.id);
      expect((await driver.guests()).some(({ id }) => id === guest.id)).toBe(true);
    });

    it('gives no more of a console than is asked for', async () => {
      const guest = await spawned({ paused: false });
      expect((await driver.consoleLog(guest.id, 10)).length).toBeLessThanOrEqual(10);
    });

    it('tells how busy a guest is as long as it runs', async () => {
      const guest = await spawned({ paused: false });
      const { powerState: state, cpus, memory, interfaces, disks } = await driver.diagnostics(guest.id);
      expect([state, cpus.map(({ id }) => id), memory.maximumKib, interfaces, disks]).toEqual([powerStates.running, [0], 65_536, [], []]);
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await expect(driver.diagnostics(guest.id)).rejects.toMatchObject({ kind: 'conflict' });
    });

    it('shows the consoles of a guest that runs, at the same place each time, and of no other', async () => {
      const guest = await spawned();
      for (const open of Object.values(driver.consoles ?? {})) {
        const found = await open(guest.id);
        expect(found).toEqual(await open(guest.id));
        expect(found === null || (found.host !== '' && found.port > 0)).toBe(true);
      }
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      for (const open of Object.values(driver.consoles ?? {})) await expect(open(guest.id)).rejects.toMatchObject({ kind: 'conflict' });
      for (const open of Object.values(driver.consoles ?? {}))
        await expect(open(tinyGuest().id)).rejects.toMatchObject({ kind: 'notFound' });
    });

    it('tells what copies of disks are left, and lets them be removed, but no guest that is there', async ({ skip }) => {
      const files = driver.leftFiles ?? skip('this driver keeps no files');
      const ofGuest = async (id: string) => (await files.list()).filter((file) => file.id === id);
      const guest = spec();
      await driver.spawn(guest, { paused: true, signal });
      expect(await ofGuest(guest.id)).toEqual([]);
      await expect(files.remove({ id: guest.id, name: guest.id })).rejects.toMatchObject({ kind: 'conflict' });
      expect(await driver.inspect(guest.id)).not.toBeNull();
      await driver.destroy(guest.id);
      expect(await ofGuest(guest.id)).toEqual([]);
      await files.remove({ id: guest.id, name: guest.id });
    });

    it('knows no guest that is not there', async () => {
      const { id } = tinyGuest();
      const verbs: readonly (() => Promise<unknown>)[] = [
        () => driver.powerOff(id, { graceSeconds: 0, signal }),
        () => driver.powerOn(tinyGuest({ id }), signal),
        () => driver.hardReboot(tinyGuest({ id }), signal),
        () => driver.softReboot(id, { graceSeconds: 0, signal }),
        () => driver.pause(id),
        () => driver.unpause(id),
        () => driver.suspend(id),
        () => driver.resume(tinyGuest({ id }), signal),
        () => driver.detachInterface(id, { portId: id, macAddress: 'fa:16:3e:00:00:01', device: 'tap0' }, signal),
        () => driver.copyRootDisk(tinyGuest({ id }), { name: 'none', format: 'raw', quiesce: 'never' }, signal),
        () => driver.readCopy(id, 'none'),
        () => driver.rescue(tinyGuest({ id }), signal),
        () => driver.unrescue(tinyGuest({ id }), signal),
        () => driver.setPassword(id, { user: 'root', password: 'secret' }),
        () => driver.interrupt(id),
        () => driver.consoleLog(id, 100),
        () => driver.diagnostics(id),
      ];
      const kinds = await Promise.all(
        verbs.map((verb) => verb().catch((error: unknown) => (error instanceof KilonovaError ? error.kind : error))),
      );
      expect(kinds).toEqual(verbs.map(() => 'notFound'));
      expect(await driver.inspect(id)).toBe(null);
    });

    it('tells what happens to guests', async () => {
      const following = new AbortController();
      const events: GuestEvent[] = [];
      const seen = (async () => {
        for await (const event of driver.events(following.signal)) events.push(event);
      })();
      const guest = await spawned({ paused: false });
      const told = (): readonly string[] => events.filter(({ instanceId }) => instanceId === guest.id).map(({ event }) => event);
      await expect.poll(told).toContain('started');
      await driver.powerOff(guest.id, { graceSeconds: 0, signal });
      await expect.poll(told).toContain('stopped');
      following.abort();
      await seen;
    });

    describe('moves', () => {
      const gib = 1024 ** 3;
      const disk = (bytes: number): DiskSpec => ({
        file: 'disk',
        device: 'disk',
        bus: null,
        content: { kind: 'blank' },
        bytes,
        bootIndex: 1,
      });
      const moves = () => driver.moves!;
      const setAside = ({ id }: GuestSpec, becomes: readonly DiskSpec[] = [disk(3 * gib)]) =>
        moves().setAside(id, { becomes, graceSeconds: 0, signal });
      const spawnedWithDisk = async (): Promise<GuestSpec> => {
        const guest = spec({ disks: [disk(2 * gib)] });
        await driver.spawn(guest, { paused: false, signal });
        return guest;
      };
      const larger = (guest: GuestSpec): GuestSpec => ({
        ...guest,
        vcpus: 2,
        cpu: { topology: { sockets: 2, cores: 1, threads: 1 } },
        memoryMb: 96,
        disks: [disk(3 * gib)],
      });
      const isAside = async ({ id }: GuestSpec): Promise<boolean> => (await moves().aside()).includes(id);
      afterEach(async () => {
        for (const id of made) await moves().discardAside(id);
      });

      it('set a guest aside, which is no guest then, as often as asked', async () => {
        const guest = await spawnedWithDisk();
        expect(await isAside(guest)).toBe(false);
        await setAside(guest);
        await setAside(guest);
        expect([await isAside(guest), await powerState(guest)]).toEqual([true, null]);
        expect((await driver.guests()).some(({ id }) => id === guest.id)).toBe(false);
        await moves().discardAside(guest.id);
        await moves().discardAside(guest.id);
        expect(await isAside(guest)).toBe(false);
      });

      it('make another guest of it beside it, running or not', async () => {
        const guest = await spawnedWithDisk();
        await setAside(guest);
        await moves().takeOver(larger(guest), { from: 'host', start: false, signal });
        expect(await powerState(guest)).toBe(powerStates.shutdown);
        await moves().takeOver(larger(guest), { from: 'host', start: true, signal });
        expect([await isAside(guest), await powerState(guest)]).toEqual([true, powerStates.running]);
        await moves().discardAside(guest.id);
        expect(await powerState(guest)).toBe(powerStates.running);
      });

      it('bring it back in place of who took over, as often as asked', async () => {
        const guest = await spawnedWithDisk();
        await setAside(guest);
        await moves().takeOver(larger(guest), { from: 'host', start: true, signal });
        await moves().bringBack(guest, { start: false, signal });
        expect([await isAside(guest), await powerState(guest)]).toEqual([false, powerStates.shutdown]);
        await moves().bringBack(guest, { start: true, signal });
        await moves().bringBack(guest, { start: true, signal });
        expect(await powerState(guest)).toBe(powerStates.running);
      });

      it('leave a guest alone whose disks would become smaller', async () => {
        const guest = await spawnedWithDisk();
        await expect(setAside(guest, [disk(gib)])).rejects.toMatchObject({ kind: 'conflict', code: 'resize-down' });
        expect([await isAside(guest), await powerState(guest)]).toEqual([false, powerStates.running]);
      });

      it('know no guest that is not there', async () => {
        const guest = tinyGuest();
        await expect(setAside(guest)).rejects.toMatchObject({ kind: 'notFound' });
        await expect(moves().takeOver(guest, { from: 'host', start: true, signal })).rejects.toMatchObject({ kind: 'notFound' });
        await expect(moves().bringBack(guest, { start: true, signal })).rejects.toMatchObject({ kind: 'notFound' });
      });
    });

    it('says how long the host is up', async () => {
      expect(await driver.uptime()).toMatch(/up .*load average: /);
    });
  });
}
