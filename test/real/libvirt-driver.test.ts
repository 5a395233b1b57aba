import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import {
  connectLibvirt,
  defineDomain,
  destroyDomain,
  domainRef,
  findDomain,
  getDomainXml,
  undefineDomain,
  type LibvirtClient,
} from '../../src/lib/libvirt/index.ts';
import type { PlacedDevice } from '../../src/domain/metadata/tagged-devices.ts';
import { silentLog } from '../../src/lib/log.ts';
import { describeDriver, tinyGuest } from '../../src/services/compute/drivers/conformance.ts';
import type { GuestSpec, HypervisorDriver } from '../../src/services/compute/drivers/driver.ts';
import { openDriver } from '../../src/services/compute/drivers/index.ts';

/** A cloud of this run's own on the machine's libvirtd. */
const directory = mkdtempSync(join(tmpdir(), 'kilonova-libvirt-'));
chmodSync(directory, 0o755); // QEMU runs as somebody else
const cloudOf = (id: string) =>
  readSettings(`[DEFAULT]\ninstances_path = ${directory}/${id}\n[kilonova]\ncloud_id = ${id}\n[libvirt]\nvirt_type = auto\n`).settings;
const open = (cloudId: string): Promise<HypervisorDriver> =>
  openDriver('libvirt.LibvirtDriver', {
    host: 'host',
    settings: cloudOf(cloudId),
    statePath: directory,
    clock: systemClock,
    log: silentLog,
  });

afterAll(() => rmSync(directory, { recursive: true }));

describeDriver('libvirt', () => open(`conformance-${randomUUID()}`));

describe('the libvirt driver', () => {
  const cloudId = `test-${randomUUID()}`;
  const { signal } = new AbortController();
  let driver: HypervisorDriver;
  let client: LibvirtClient;
  const made = new Set<string>();
  const spec = (changes: Partial<GuestSpec> = {}): GuestSpec => {
    const guest = tinyGuest(changes);
    made.add(guest.id);
    return guest;
  };
  beforeAll(async () => {
    driver = await open(cloudId);
    client = await connectLibvirt({ transport: { kind: 'unix', path: '/run/libvirt/libvirt-sock' }, name: 'qemu:///system' });
  });
  afterEach(async () => {
    for (const id of made) await driver.destroy(id);
    made.clear();
  });
  afterAll(async () => {
    await driver.close();
    client.close();
  });

  it('makes all disks, the config drive and the console log of a guest, and removes them with it', async () => {
    let told: readonly PlacedDevice[] = [];
    const guest = spec({
      disks: [
        { file: 'disk', device: 'disk', bus: null, content: { kind: 'blank' }, bytes: 64 * 1024 ** 2, bootIndex: 1 },
        { file: 'disk.eph0', device: 'disk', bus: 'scsi', content: { kind: 'blank' }, bytes: 1024 ** 2, bootIndex: null },
      ],
      configDrive: {
        format: 'iso9660',
        bus: null,
        files: (placed) => {
          told = placed;
          return [{ path: 'openstack/latest/meta_data.json', content: '{"name": "a"}' }];
        },
      },
      devices: { guestAgent: true, rng: true, video: null, tablet: true, watchdog: 'reset', scsiModel: null },
      limits: { cpuShares: 512, cpuPeriod: null, cpuQuota: null, disk: { read_iops_sec: 100 } },
      about: { ...tinyGuest().about, displayName: `</name><devices>&"'\u0000😀` },
    });
    await driver.spawn(guest, { paused: true, signal });
    const files = readdirSync(join(directory, cloudId, guest.id)).toSorted();
    const vnc = await driver.consoles?.vnc?.(guest.id);
    const inventory = await driver.inventory();
    const placed = await driver.placedDevices?.(guest.id);
    await driver.destroy(guest.id);
    expect(placed).toEqual(told);
    expect(Object.fromEntries(placed?.map(({ bus, address }) => [bus, address]) ?? [])).toEqual({
      pci: expect.stringMatching(/^0000:00:\w\w\.0$/),
      ide: expect.stringMatching(/^\d:\d:0:\d$/),
      scsi: '0:0:0:0',
    });
    expect(files).toEqual(['console.log', 'disk', 'disk.config', 'disk.eph0']);
    expect(vnc).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    expect([inventory.vcpusUsed, inventory.memoryMbUsed, inventory.localGbUsed]).toEqual([1, 64, 1]);
    expect(readdirSync(join(directory, cloudId))).toEqual([]);
    expect(await findDomain(client, guest.id)).toBe(null);
  });

  it('knows the guests that were there before it', async () => {
    const guest = spec();
    await driver.spawn(guest, { paused: true, signal });
    const later = await open(cloudId);
    expect((await later.guests()).map(({ id }) => id)).toEqual([guest.id]);
    await later.close();
  });

  it('never touches a guest of another cloud', async () => {
    const other = await open(`other-${cloudId}`);
    const guest = spec();
    await driver.spawn(guest, { paused: true, signal });
    expect(await other.guests()).toEqual([]);
    for (const verb of [
      () => other.destroy(guest.id),
      () => other.powerOff(guest.id, { graceSeconds: 0, signal }),
      () => other.hardReboot(guest, signal),
      () => other.spawn(guest, { paused: true, signal }),
    ]) {
      await expect(verb()).rejects.toMatchObject({ kind: 'conflict', code: 'foreign-guest' });
    }
    await other.close();
    expect((await driver.inspect(guest.id))?.powerState).toBe(3);
  });

  it('never touches a domain without a mark', async () => {
    const id = randomUUID();
    await defineDomain(
      client,
      `<domain type='qemu'><name>unmarked-${id}</name><uuid>${id}</uuid><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>`,
    );
    try {
      expect((await driver.guests()).some((guest) => guest.id === id)).toBe(false);
      await expect(driver.destroy(id)).rejects.toMatchObject({ code: 'foreign-guest' });
      expect(await findDomain(client, id)).not.toBe(null);
    } finally {
      await undefineDomain(client, domainRef(id));
    }
  });

  it('leaves nothing of a guest that libvirt refuses', async () => {
    const guest = spec({ machine: { ...tinyGuest().machine, type: 'no-such-machine' } });
    await expect(driver.spawn(guest, { paused: true, signal })).rejects.toMatchObject({ kind: 'unsupported' });
    expect(readdirSync(join(directory, cloudId))).toEqual([]);
    expect(await findDomain(client, guest.id)).toBe(null);
  });

  it('defines a guest anew when it is started again', async () => {
    const guest = spec();
    await driver.spawn(guest, { paused: true, signal });
    await driver.hardReboot({ ...guest, memoryMb: 96 }, signal);
    await driver.pause(guest.id);
    expect(await getDomainXml(client, domainRef(guest.id))).toContain("<memory unit='KiB'>98304</memory>");
  });

  it('tells of a guest that is killed from outside', async () => {
    const guest = spec();
    await driver.spawn(guest, { paused: true, signal });
    const following = new AbortController();
    const next = driver.events(following.signal)[Symbol.asyncIterator]().next();
    await destroyDomain(client, domainRef(guest.id));
    expect((await next).value).toMatchObject({ instanceId: guest.id, event: 'stopped' });
    following.abort();
  });
});
