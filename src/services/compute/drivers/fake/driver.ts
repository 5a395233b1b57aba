import { Readable } from 'node:stream';
import { asideKey, type GuestHolding } from '../../../../domain/guest-holding.ts';
import type { GuestEvent } from '../../../../domain/hosts.ts';
import { powerStates, type PowerState } from '../../../../domain/instance.ts';
import type { HostTopology } from '../../../../domain/numa/host-topology.ts';
import type { PciDevice } from '../../../../domain/pci/device-spec.ts';
import { conflict, notFound } from '../../../../lib/errors.ts';
import type { Clock } from '../../../../lib/clock.ts';
import { eventQueue } from '../../event-queue.ts';
import type { LeftFile } from '../left-files.ts';
import type { GuestInfo, GuestSpec, HostInventory, HypervisorDriver } from '../driver.ts';
import { diskContents } from './disk-contents.ts';
import type { Faults } from './faults.ts';
import { diagnosticsOf } from './diagnostics-of.ts';
import type { FakeGuest, GuestBook } from './guest-book.ts';
import { guestConsoles, type ConsoleKind } from './guest-consoles.ts';
import { fakeMoves, isAside, type FakePeer } from './moves.ts';
import { serveScreen } from './screen.ts';
import { serveSerialLine } from './serial-line.ts';
import { serveSpiceChannel } from './spice-channel.ts';

export interface FakeResources {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly localGb: number;
  /** NUMA nodes; none are said when left out. */
  readonly numaTopology?: HostTopology;
  readonly pciDevices?: readonly PciDevice[];
}

export interface FakeDriverDeps {
  readonly host: string;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly book: GuestBook;
  readonly resources: Partial<FakeResources>;
  /** Another host that pretends. */
  readonly peer?: (host: string) => FakePeer | null;
}

/** A host without a hypervisor: it keeps every promise of the contract, in memory. */
export interface FakeDriver extends HypervisorDriver {
  /** Something happens to a guest that nobody ordered. */
  happen(id: string, event: 'shutdown' | 'crash' | 'start'): void;
  readonly peer: FakePeer;
  /** Leaves a directory behind, as a guest does whose host lost its power while it was removed. */
  leaveFile(file: LeftFile): void;
}

const plenty: FakeResources = { vcpus: 1000, memoryMb: 800_000, localGb: 600_000 };
const keptConsole = 64 * 1024;
const GiB = 1024 ** 3;

const traits: readonly string[] = [
  'COMPUTE_ACCELERATORS', 'COMPUTE_DEVICE_TAGGING', 'COMPUTE_MEM_BACKING_FILE', 'COMPUTE_STORAGE_VIRTIO_FS', 'COMPUTE_IMAGE_TYPE_AMI', 'COMPUTE_IMAGE_TYPE_ISO', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_IMAGE_TYPE_RAW',
  'COMPUTE_NET_ATTACH_INTERFACE', 'COMPUTE_NET_ATTACH_INTERFACE_WITH_TAG', 'COMPUTE_NET_VIF_MODEL_VIRTIO', 'COMPUTE_RESCUE_BFV', 'COMPUTE_STORAGE_BUS_VIRTIO',
  'COMPUTE_TRUSTED_CERTS', 'COMPUTE_VOLUME_ATTACH_WITH_TAG', 'COMPUTE_VOLUME_EXTEND', 'COMPUTE_VOLUME_MULTI_ATTACH',
]; // prettier-ignore

export function createFakeDriver({ host, clock, faults, book, resources, peer = () => null }: FakeDriverDeps): FakeDriver {
  const { numaTopology = null, pciDevices = [], ...amounts } = resources;
  const has = { ...plenty, ...amounts };
  const guests = new Map<string, FakeGuest>(
    book
      .ofHost(host)
      .filter((guest) => !isAside(guest))
      .map((guest) => [guest.id, guest]),
  );
  const copies = new Map<string, { readonly contents: Buffer; readonly touchedAt: number }>();
  const left = new Map<string, LeftFile>();
  const happenings = eventQueue<GuestEvent>();
  const openedAt = clock.now();

  const keep = (guest: FakeGuest): void => {
    guests.set(guest.id, guest);
    book.put(host, guest);
  };
  const consoles = guestConsoles((id, kind, socket) => {
    const guest = guests.get(id);
    if (guest === undefined) return void socket.destroy();
    if (kind === 'serial') {
      const prompt = `${guest.name} login:`;
      const heard = (line: string): void => {
        const now = guests.get(id);
        if (now !== undefined) keep({ ...now, console: say(now, line) });
      };
      return serveSerialLine(socket, { said: guest.console, prompt, heard });
    }
    const served = kind === 'vnc' ? serveScreen(socket, guest.displayName.slice(0, 64)) : serveSpiceChannel(socket);
    served.catch(() => socket.destroy()); // whoever looks has gone
  });
  const openConsole = (kind: ConsoleKind) => async (id: string) => {
    const { powerState } = find(id);
    if (powerState === powerStates.running || powerState === powerStates.paused) return consoles.address(id, kind);
    throw conflict(`Guest ${id} does not run: it has no console.`, { code: 'power-state' });
  };
  const find = (id: string): FakeGuest => {
    const guest = guests.get(id);
    if (guest === undefined) throw notFound(`There is no guest ${id} on ${host}.`, { code: 'guest-not-found' });
    return guest;
  };
  const strike = (
    operation: string,
    guest: { readonly id: string; readonly name: string; readonly displayName: string } | null,
    signal?: AbortSignal,
  ): Promise<void> =>
    faults.strike({
      operation,
      host,
      guest: guest === null ? [] : [guest.id, guest.name, guest.displayName],
      ...(signal === undefined ? {} : { signal }),
    });
  const becomes = (guest: FakeGuest, powerState: PowerState, event: GuestEvent['event'] | null, ...lines: readonly string[]): void => {
    keep({ ...guest, powerState, suspended: event === 'suspended', console: say(guest, ...lines) });
    if (powerState === powerStates.shutdown || powerState === powerStates.crashed) consoles.close(guest.id);
    if (event !== null) happenings.push({ instanceId: guest.id, event, at: clock.now() });
  };
  const boot = (guest: FakeGuest): void =>
    becomes(
      guest,
      powerStates.running,
      'started',
      `[    0.000000] Kilonova fake guest ${guest.name} on ${host}`,
      `[    0.000000] ${guest.vcpus} processors, ${guest.memoryMb} MiB of memory`,
      '',
      `${guest.name} login:`,
    );
  const newGuest = (spec: GuestSpec): FakeGuest => ({
    id: spec.id,
    name: spec.name,
    displayName: spec.about.displayName,
    vcpus: spec.vcpus,
    memoryMb: spec.memoryMb,
    diskGb: Math.ceil(spec.disks.reduce((sum, disk) => sum + (disk.bytes ?? 0), 0) / GiB),
    powerState: powerStates.shutdown,
    suspended: false,
    console: guests.get(spec.id)?.console ?? '',
    ports: spec.interfaces.map(({ portId }) => portId),
    volumes: (spec.volumes ?? []).map(({ volumeId }) => volumeId),
    ...(spec.holding === undefined ? {} : { holding: spec.holding }),
  });

  const moving = fakeMoves({
    host,
    clock,
    book,
    guests,
    peer,
    find,
    keep,
    strike: (operation, guest, signal) => strike(operation, 'about' in guest ? named(guest) : guest, signal),
    boot,
    switchOff: (guest) =>
      void (guest.powerState === powerStates.shutdown || becomes(guest, powerStates.shutdown, 'stopped', 'reboot: Power down')),
    newGuest,
    leave(id) {
      guests.delete(id);
      book.remove(host, id);
      consoles.close(id);
      happenings.push({ instanceId: id, event: 'stopped', at: clock.now() });
    },
  });

  return {
    ...moving,
    layout: {
      hardware: () => Promise.resolve({ numaTopology, pciDevices }),
      async held() {
        const held = new Map<string, GuestHolding>();
        for (const { id, holding } of guests.values()) if (holding !== undefined) held.set(id, holding);
        for (const id of await moving.moves.aside()) {
          const holding = moving.peer.asideOf(id)?.holding;
          if (holding !== undefined) held.set(asideKey(id), holding);
        }
        return held;
      },
    },
    followsVolumes: true,
    leftFiles: {
      list: () =>
        Promise.resolve([
          ...left.values(),
          ...[...copies].map(([key, { touchedAt }]) => ({
            id: key.slice(0, key.indexOf('/')),
            name: key.replace('/', '/copy.'),
            touchedAt,
          })),
        ]),
      async remove({ id, name }) {
        if (name === id && guests.has(id)) throw conflict(`Guest ${id} is there: its files are not left over.`);
        left.delete(name);
        copies.delete(name.replace('/copy.', '/'));
      },
    },
    leaveFile: (file) => void left.set(file.name, file),
    async inventory(): Promise<HostInventory> {
      const all = [...guests.values()];
      const sum = (of: (guest: FakeGuest) => number): number => all.reduce((total, guest) => total + of(guest), 0);
      const localGbUsed = sum((guest) => guest.diskGb);
      return {
        hostname: host,
        hypervisorType: 'fake',
        hypervisorVersion: 1_000_000,
        ...has,
        vcpusUsed: sum((guest) => guest.vcpus),
        memoryMbUsed: sum((guest) => guest.memoryMb),
        localGbUsed,
        diskAvailableLeast: has.localGb - localGbUsed,
        runningVms: all.filter((guest) => guest.powerState === powerStates.running).length,
        cpuInfo: {
          arch: 'x86_64',
          model: 'Nehalem',
          vendor: 'Intel',
          features: ['pge', 'clflush'],
          topology: { cores: 1, threads: 1, sockets: 4 },
        },
        supportedInstances: [['x86_64', 'fake', 'hvm']],
        traits,
      };
    },
    guests: () => Promise.resolve([...guests.values()].map(infoOf)),
    inspect(id) {
      const guest = guests.get(id);
      return Promise.resolve(guest === undefined ? null : infoOf(guest));
    },
    async spawn(spec, { paused, signal }) {
      await strike('spawn', named(spec), signal);
      signal.throwIfAborted();
      if (guests.has(spec.id)) throw conflict(`Guest ${spec.id} exists already on ${host}.`, { code: 'guest-exists' });
      const guest = newGuest(spec);
      if (paused) keep({ ...guest, powerState: powerStates.paused });
      else boot(guest);
    },
    async destroy(id) {
      const guest = guests.get(id);
      await strike('destroy', guest ?? { id, name: '', displayName: '' });
      for (const key of copies.keys()) if (key.startsWith(copyKey(id, ''))) copies.delete(key);
      if (!guests.delete(id)) return;
      consoles.close(id);
      book.remove(host, id);
      happenings.push({ instanceId: id, event: 'stopped', at: clock.now() });
    },
    async powerOff(id, { signal }) {
      await strike('powerOff', find(id), signal);
      const guest = find(id);
      if (guest.powerState !== powerStates.shutdown)
        becomes(guest, powerStates.shutdown, 'stopped', 'The system is going down', 'reboot: Power down');
    },
    async powerOn(spec, signal) {
      await strike('powerOn', named(spec), signal);
      if (find(spec.id).powerState !== powerStates.running) boot(newGuest(spec));
    },
    async softReboot(id, { signal }) {
      await strike('softReboot', find(id), signal);
      const guest = find(id);
      must(guest, 'rebooted', powerStates.running);
      boot({ ...guest, console: say(guest, 'The system is going down for reboot') });
      return true;
    },
    async hardReboot(spec, signal) {
      await strike('hardReboot', named(spec), signal);
      find(spec.id);
      boot(newGuest(spec));
    },
    async pause(id) {
      await strike('pause', find(id));
      const guest = find(id);
      must(guest, 'paused', powerStates.running, powerStates.paused);
      if (guest.powerState !== powerStates.paused) becomes(guest, powerStates.paused, 'paused');
    },
    async unpause(id) {
      await strike('unpause', find(id));
      const guest = find(id);
      must(guest, 'unpaused', powerStates.running, powerStates.paused);
      if (guest.powerState === powerStates.running) return;
      if (guest.console === '') boot(guest);
      else becomes(guest, powerStates.running, 'resumed');
    },
    async suspend(id) {
      await strike('suspend', find(id));
      const guest = find(id);
      if (guest.suspended) return;
      must(guest, 'suspended', powerStates.running, powerStates.paused);
      becomes(guest, powerStates.shutdown, 'suspended');
    },
    async resume(spec, signal) {
      await strike('resume', named(spec), signal);
      const guest = find(spec.id);
      if (guest.suspended) becomes(guest, powerStates.running, 'resumed');
      else if (guest.powerState !== powerStates.running) boot(newGuest(spec));
    },
    async attachVolume({ id }, { volumeId }) {
      await strike('attachVolume', find(id));
      const guest = find(id);
      if (!guest.volumes.includes(volumeId)) keep({ ...guest, volumes: [...guest.volumes, volumeId] });
    },
    async detachVolume(id, volumeId, signal) {
      await strike('detachVolume', find(id), signal);
      const guest = find(id);
      keep({ ...guest, volumes: guest.volumes.filter((volume) => volume !== volumeId) });
    },
    async growVolume(id, volumeId) {
      await strike('growVolume', find(id));
      if (!find(id).volumes.includes(volumeId)) throw notFound(`Guest ${id} has no volume ${volumeId}.`, { code: 'volume-not-attached' });
    },
    async attachInterface(id, { portId }) {
      await strike('attachInterface', find(id));
      const guest = find(id);
      if (!guest.ports.includes(portId)) keep({ ...guest, ports: [...guest.ports, portId] });
    },
    async detachInterface(id, { portId }, signal) {
      await strike('detachInterface', find(id), signal);
      const guest = find(id);
      keep({ ...guest, ports: guest.ports.filter((port) => port !== portId) });
    },
    async copyRootDisk(spec, { name, format, quiesce }, signal) {
      await strike('copyRootDisk', named(spec), signal);
      const guest = find(spec.id);
      if (quiesce === 'must' && !spec.devices.guestAgent)
        throw conflict(`Guest ${spec.id} has no agent: its file systems cannot be brought to rest.`, { code: 'no-agent' });
      copies.set(copyKey(spec.id, name), { contents: diskContents(format, `disk of ${guest.displayName}`), touchedAt: clock.now() });
    },
    readCopy(id, name) {
      const contents = copies.get(copyKey(id, name))?.contents;
      if (contents === undefined) return Promise.reject(notFound(`There is no copy ${name} of the disk of guest ${id}.`));
      return Promise.resolve({ bytes: contents.length, data: Readable.from([contents]) });
    },
    discardCopy: (id, name) => Promise.resolve(void copies.delete(copyKey(id, name))),
    async rescue(spec, signal) {
      await strike('rescue', named(spec), signal);
      find(spec.id);
      boot({ ...newGuest(spec), rescued: true });
    },
    async unrescue(spec, signal) {
      await strike('unrescue', named(spec), signal);
      const guest = find(spec.id);
      if (guest.rescued === true || guest.powerState !== powerStates.running) boot(newGuest(spec));
    },
    async setPassword(id, { user }) {
      await strike('setPassword', find(id));
      const guest = find(id);
      must(guest, 'told a password', powerStates.running);
      keep({ ...guest, console: say(guest, `passwd: password for ${user} changed`) });
    },
    async interrupt(id) {
      await strike('interrupt', find(id));
      const guest = find(id);
      must(guest, 'interrupted', powerStates.running, powerStates.paused);
      keep({ ...guest, console: say(guest, 'Kernel panic - not syncing: NMI') });
    },
    async consoleLog(id, maxBytes) {
      await strike('consoleLog', find(id));
      return Buffer.from(find(id).console).subarray(-maxBytes).toString();
    },
    async diagnostics(id) {
      await strike('diagnostics', find(id));
      return diagnosticsOf(find(id));
    },
    uptime: () => Promise.resolve(` up ${Math.floor((clock.now() - openedAt) / 60_000)} min,  0 users,  load average: 0.00, 0.00, 0.00`),
    events: (signal) => happenings.follow(signal),
    problems: () => [],
    close: () => Promise.resolve(consoles.close()),
    consoles: { vnc: openConsole('vnc'), spice: openConsole('spice'), serial: openConsole('serial') },
    happen(id, event) {
      const guest = find(id);
      if (event === 'start') boot(guest);
      else if (event === 'crash') becomes(guest, powerStates.crashed, 'crashed', 'Kernel panic - not syncing');
      else becomes(guest, powerStates.shutdown, 'stopped', 'reboot: Power down');
    },
  };
}

const say = (guest: FakeGuest, ...lines: readonly string[]): string =>
  `${guest.console}${lines.map((line) => `${line}\n`).join('')}`.slice(-keptConsole);
const copyKey = (id: string, name: string): string => `${id}/${name}`;
const named = ({ id, name, about }: GuestSpec) => ({ id, name, displayName: about.displayName });
const must = (guest: FakeGuest, verb: string, ...states: readonly PowerState[]): void => {
  if (!states.includes(guest.powerState))
    throw conflict(`Guest ${guest.id} cannot be ${verb} in power state ${guest.powerState}.`, { code: 'power-state' });
};
const infoOf = ({ id, name, powerState }: FakeGuest): GuestInfo => ({ id, name, powerState });
