import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computeAgent, computeTopic, type ComputeAgent } from '../../src/contracts/compute.ts';
import type { GuestOrder } from '../../src/domain/guest-order.ts';
import { powerStates } from '../../src/domain/instance.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { runCommand } from '../../src/lib/command/run-command.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startCompute, type ComputeService } from '../../src/services/compute/start-compute.ts';
import { flavor, onHost, order, vif, world, type World } from '../../src/services/compute/test-support/world.ts';
import { makeGuestImage } from '../../src/services/up/guest-image/make-guest-image.ts';

/** One compute host of a cloud of its own, on the machine's libvirtd, reached through a socket that can be cut. */
const cloudId = `agent-${randomUUID()}`;
const directory = mkdtempSync(join(tmpdir(), 'kilonova-agent-'));
const bridge = `kn${cloudId.slice(-10)}`;
const imageCache = join(tmpdir(), `kilonova-guest-image-${userInfo().uid}`);

let door: Server;
const throughDoor = new Set<Socket>();
let around: World;
let service: ComputeService;
let agent: ComputeAgent;
let guest: GuestOrder;

const start = () =>
  startCompute({
    ...around,
    host: 'host',
    driverName: 'libvirt.LibvirtDriver',
    statePath: join(directory, 'state'),
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });

const openDoor = (): Promise<void> =>
  new Promise((resolve) => {
    door = createServer((from) => {
      const to = connect('/run/libvirt/libvirt-sock');
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        throughDoor.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    }).listen(join(directory, 'libvirt.sock'), resolve);
  });
const closeDoor = (): Promise<unknown> => {
  const closed = new Promise((resolve) => door.close(resolve));
  for (const socket of throughDoor) socket.destroy();
  throughDoor.clear();
  return closed;
};

beforeAll(async () => {
  chmodSync(directory, 0o755); // QEMU runs as somebody else
  await openDoor();
  around = await world(
    `[DEFAULT]\ninstances_path = ${directory}/instances\nforce_raw_images = False\n[kilonova]\ncloud_id = ${cloudId}\n` +
      `[libvirt]\nconnection_uri = qemu+unix:///system?socket=${directory}/libvirt.sock\nwait_soft_reboot_seconds = 90\n`,
  );
  const { path, sizeBytes, sha256, facts } = await makeGuestImage({ directory: imageCache, log: silentLog });
  const image = {
    id: randomUUID(),
    name: 'guest',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    minDisk: 0,
    minRam: 0,
    size: sizeBytes,
    checksum: null,
  };
  around.images.set(image.id, {
    image: { ...image, status: 'active', visibility: 'public', owner: null, protected: false, virtualSize: null, hash: { algorithm: 'sha256', value: sha256 }, createdAt: '', updatedAt: '', tags: [], properties: {} }, // prettier-ignore
    data: () => createReadStream(path),
  });
  const port = vif({ vifDetails: { bridge_name: bridge }, mtu: 1400 });
  const plain = order();
  guest = {
    ...plain,
    name: `agent-${plain.instanceId.slice(0, 8)}`,
    flavor: flavor({ memoryMb: facts.minimumMemoryMib }),
    image: { ...image, properties: { hw_qemu_guest_agent: 'true' } },
    networkInfo: [port],
    configDrive: true,
    metadata: { ...plain.metadata, hostname: 'really-booted', networkInfo: [port] },
  };
  service = await start();
  agent = around.bus.client(computeTopic('host'), computeAgent);
});

afterAll(async () => {
  await agent.destroy({ instanceId: guest.instanceId, vifs: [] }, { key: `${guest.instanceId}/last` });
  await service.stop();
  await closeDoor();
  await runCommand({ program: 'ip', args: ['link', 'del', 'dev', bridge], answers: [1] });
  rmSync(directory, { recursive: true });
});

let keys = 0;
const key = () => ({ key: `${guest.instanceId}/${keys++}` });
const consoleText = async (): Promise<string> => (await agent.consoleOutput({ instanceId: guest.instanceId, lines: null })).text;
const tap = () => `/sys/class/net/tap${guest.networkInfo[0]!.portId.slice(0, 11)}`;
/** TCG on a busy machine. */
const patiently = { timeout: 240_000, interval: 500 };

/** In order: each fact is about the guest that the first one made. */
describe('a compute host with libvirt', () => {
  it('spawns a guest whose processors wait for the network', async () => {
    const spawning = agent.spawn({ order: guest }, key());
    spawning.catch(() => undefined);
    await expect.poll(() => agent.inspect({ instanceId: guest.instanceId }), patiently).toEqual({ powerState: powerStates.paused });
    expect(readFileSync(`${tap()}/brport/bridge/uevent`, 'utf8')).toContain(`INTERFACE=${bridge}`);
    expect(readFileSync(`${tap()}/mtu`, 'utf8').trim()).toBe('1400');
    await agent.networkEvent({
      instanceId: guest.instanceId,
      name: 'network-vif-plugged',
      tag: guest.networkInfo[0]!.portId,
      status: 'completed',
    });
    expect(await spawning).toEqual({ powerState: powerStates.running });
  });

  it('gives it a config drive, and shows its console', async () => {
    await expect.poll(consoleText, patiently).toMatch(/really-booted/);
    await expect.poll(consoleText, patiently).toMatch(/KILONOVA ready/);
  });

  it('reports to placement what the host has', async () => {
    await service.reconcile();
    const provider = around.providers.get(service.nodeUuid);
    expect(provider?.traits).toEqual(expect.arrayContaining(['COMPUTE_NODE', 'COMPUTE_STORAGE_BUS_VIRTIO', 'HW_ARCH_X86_64']));
    expect(around.told.nodes.at(-1)).toMatchObject({ hypervisorType: 'QEMU', runningVms: 1, vcpusUsed: 1 });
  });

  it('takes its guests over when it is started again', async () => {
    const uuid = service.nodeUuid;
    await service.stop();
    expect(existsSync(tap())).toBe(true);
    service = await start();
    expect(service.nodeUuid).toBe(uuid);
    expect(await agent.inspect({ instanceId: guest.instanceId })).toEqual({ powerState: powerStates.running });
  });

  it('comes back by itself when libvirt was away, and mends what it missed', async () => {
    await closeDoor();
    await expect.poll(async () => (await agent.ping({})).problems.length).toBe(1);
    await expect(agent.inspect({ instanceId: guest.instanceId })).rejects.toMatchObject({ kind: 'unavailable' });
    await openDoor();
    await expect.poll(async () => (await agent.ping({})).problems.length, patiently).toBe(0);
    around.instances = [onHost({ instanceId: guest.instanceId, name: guest.name, vmState: 'active', powerState: powerStates.shutdown })];
    await service.reconcile();
    expect(around.told.events.at(-1)).toMatchObject({ instanceId: guest.instanceId, event: 'started' });
  });

  it('lets the guest reboot by itself', async () => {
    expect(await agent.reboot({ order: guest, type: 'SOFT' }, key())).toEqual({ powerState: powerStates.running });
    expect(await consoleText()).not.toMatch(/KILONOVA ready/);
  });

  it('suspends it to disk, and brings it back', async () => {
    await agent.suspend({ instanceId: guest.instanceId }, key());
    expect(existsSync(tap())).toBe(false);
    expect(await agent.resume({ order: guest }, key())).toEqual({ powerState: powerStates.running });
  });

  it('removes all of it', async () => {
    await agent.destroy({ instanceId: guest.instanceId, vifs: guest.networkInfo }, key());
    expect([existsSync(tap()), readdirSync(join(directory, 'instances'))]).toEqual([false, ['_base']]);
    expect(readdirSync(join(directory, 'instances', '_base'))).toEqual([createHash('sha1').update(guest.image!.id).digest('hex')]);
  });
});
