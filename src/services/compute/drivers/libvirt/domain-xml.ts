import { join } from 'node:path';
import { unsupported } from '../../../../lib/errors.ts';
import { el, toXml, type XmlElement } from '../../../../lib/xml/build.ts';
import type { GuestSpec, InterfaceSpec } from '../driver.ts';
import { graphicsDevices, serialDevices, type SerialPorts, type SpiceScreens } from './console-devices.ts';
import { diskLayout, isQ35, type PlacedDisk } from './disk-layout.ts';
import { volumeElement, type PlacedVolume } from './volume-disk.ts';
import { guestMark } from './guest-mark.ts';

/** What the host decides about every domain. */
export interface DomainHost {
  readonly virtType: 'kvm' | 'qemu';
  readonly cloudId: string;
  /** The directory of this guest. */
  readonly directory: string;
  readonly cpu: { readonly mode: 'host-model' | 'host-passthrough' | 'maximum' | 'custom' | null; readonly model: string | null };
  /** What disks of guests are: overlays of their images, or whole files. */
  readonly diskFormat: 'qcow2' | 'raw';
  readonly diskCache: string;
  readonly diskDiscard: string | null;
  readonly vncListen: string | null;
  readonly spice?: SpiceScreens | null;
  /** Of this guest; left out where what serial ports say is only kept. */
  readonly serial?: SerialPorts | null;
  /** Null where the host has no source of random numbers. */
  readonly rngPath: string | null;
  /** Seconds; null turns the balloon off. */
  readonly memoryStatsPeriod: number | null;
  readonly pciePorts: number;
}

/** The file a guest's first serial port is written to. */
export const consoleLogPath = (directory: string): string => join(directory, 'console.log');

/** A guest as libvirt defines it. Whatever a user called it, it is text here and never markup. */
export const domainXml = (spec: GuestSpec, host: DomainHost): string => toXml(domain(spec, host), { indent: '  ' });

function domain(spec: GuestSpec, host: DomainHost): XmlElement {
  const { machine, devices, limits } = spec;
  const type = machine.type ?? 'pc';
  const windows = machine.osType === 'windows';
  const kvm = host.virtType === 'kvm';
  const { disks, volumes } = diskLayout(spec, host);
  const hasScreen = host.vncListen !== null || host.spice != null;
  return el(
    'domain',
    { type: host.virtType },
    el('name', {}, spec.name),
    el('uuid', {}, spec.id),
    el('metadata', {}, guestMark(spec, host.cloudId)),
    el('memory', { unit: 'KiB' }, spec.memoryMb * 1024),
    el('vcpu', {}, spec.vcpus),
    el('iothreads', {}, 1),
    (limits.cpuShares ?? limits.cpuPeriod ?? limits.cpuQuota) !== null &&
      el(
        'cputune',
        {},
        limits.cpuShares !== null && el('shares', {}, limits.cpuShares),
        limits.cpuPeriod !== null && el('period', {}, limits.cpuPeriod),
        limits.cpuQuota !== null && el('quota', {}, limits.cpuQuota),
      ),
    el(
      'sysinfo',
      { type: 'smbios' },
      el(
        'system',
        {},
        // guests' own tools know an OpenStack cloud by these words
        el('entry', { name: 'manufacturer' }, 'OpenStack Foundation'),
        el('entry', { name: 'product' }, 'OpenStack Nova'),
        el('entry', { name: 'version' }, 'Kilonova'),
        el('entry', { name: 'serial' }, spec.id),
        el('entry', { name: 'uuid' }, spec.id),
        el('entry', { name: 'family' }, 'Virtual Machine'),
      ),
    ),
    operatingSystem(spec, type, [...disks, ...volumes.map(bootOf)]),
    el(
      'features',
      {},
      el('acpi'),
      el('apic'),
      el('vmcoreinfo', { state: 'on' }),
      windows &&
        el('hyperv', {}, el('relaxed', { state: 'on' }), el('vapic', { state: 'on' }), el('spinlocks', { state: 'on', retries: 8191 })),
      machine.hideHypervisor && kvm && el('kvm', {}, el('hidden', { state: 'on' })),
      machine.secureBoot && el('smm', { state: 'on' }),
    ),
    cpu(spec, host),
    el(
      'clock',
      { offset: windows ? 'localtime' : 'utc' },
      kvm && [
        el('timer', { name: 'pit', tickpolicy: 'delay' }),
        el('timer', { name: 'rtc', tickpolicy: 'catchup' }),
        el('timer', { name: 'hpet', present: 'no' }),
      ],
    ),
    el('on_poweroff', {}, 'destroy'),
    el('on_reboot', {}, 'restart'),
    el('on_crash', {}, 'destroy'),
    el(
      'devices',
      {},
      disks.map((disk) => diskElement(disk, spec, host)),
      volumes.map(volumeElement),
      [...disks, ...volumes].some(({ bus }) => bus === 'scsi') &&
        el('controller', { type: 'scsi', index: 0, model: devices.scsiModel ?? 'virtio-scsi' }),
      isQ35(type) &&
        host.pciePorts > 0 && [
          el('controller', { type: 'pci', model: 'pcie-root' }),
          ...Array.from({ length: host.pciePorts }, () => el('controller', { type: 'pci', model: 'pcie-root-port' })),
        ],
      el('controller', {
        type: 'usb',
        index: 0,
        model: devices.tablet || [...disks, ...volumes].some(({ bus }) => bus === 'usb') ? null : 'none',
      }),
      spec.interfaces.map((port) => interfaceElement(port, host)),
      serialDevices(host.serial ?? null, consoleLogPath(host.directory)),
      devices.guestAgent &&
        el('channel', { type: 'unix' }, el('source', { mode: 'bind' }), el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })),
      graphicsDevices(host.vncListen, host.spice ?? null),
      hasScreen && el('video', {}, el('model', { type: devices.video ?? (host.spice == null ? 'virtio' : 'qxl') })),
      // who draws the pointer where the viewer has it needs no tablet
      devices.tablet && hasScreen && (host.vncListen !== null || host.spice?.agent !== true) && el('input', { type: 'tablet', bus: 'usb' }),
      devices.rng && host.rngPath !== null && el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, host.rngPath)),
      devices.watchdog !== null && el('watchdog', { model: 'i6300esb', action: devices.watchdog }),
      host.memoryStatsPeriod === null
        ? el('memballoon', { model: 'none' })
        : el('memballoon', { model: 'virtio' }, el('stats', { period: host.memoryStatsPeriod })),
    ),
  );
}

const bootOf = ({ volume }: PlacedVolume) => ({
  device: volume.device,
  bootable: volume.bootIndex !== null && volume.bootIndex >= 0,
  bootsFirst: false,
});

function operatingSystem(
  { machine, disks: wanted }: GuestSpec,
  type: string,
  disks: readonly Pick<PlacedDisk, 'device' | 'bootable' | 'bootsFirst'>[],
): XmlElement {
  if (machine.secureBoot && (machine.firmware !== 'uefi' || !isQ35(type))) {
    throw unsupported('Secure Boot needs an image with hw_firmware_type=uefi and hw_machine_type=q35.');
  }
  const boots = [...new Set(disks.filter(({ bootable }) => bootable).map(({ device }) => (device === 'cdrom' ? 'cdrom' : 'hd')))];
  const uefi = machine.firmware === 'uefi';
  return el(
    'os',
    { firmware: uefi ? 'efi' : null },
    el('type', { arch: 'x86_64', machine: type }, 'hvm'),
    // without the wish libvirt takes a build with keys enrolled, which refuses unsigned loaders
    uefi && el('firmware', {}, el('feature', { enabled: machine.secureBoot ? 'yes' : 'no', name: 'secure-boot' })),
    uefi && machine.secureBoot && el('loader', { secure: 'yes' }),
    // a disk that comes first says so itself, and then nothing may be said here
    !disks.some(({ bootsFirst }) => bootsFirst) &&
      (boots.length > 0 || wanted.length > 0 ? boots : ['hd']).map((dev) => el('boot', { dev })),
    machine.bootMenu && el('bootmenu', { enable: 'yes' }),
    el('smbios', { mode: 'sysinfo' }),
  );
}

function cpu({ cpu: { topology } }: GuestSpec, { cpu: { mode, model } }: DomainHost): XmlElement {
  const shape = el('topology', { sockets: topology.sockets, cores: topology.cores, threads: topology.threads });
  if (mode === null) return el('cpu', {}, shape);
  return el(
    'cpu',
    { mode, match: mode === 'custom' ? 'exact' : null, check: mode === 'custom' ? 'none' : null },
    model !== null && el('model', {}, model),
    shape,
  );
}

function diskElement(disk: PlacedDisk, { limits }: GuestSpec, host: DomainHost): XmlElement {
  const tune = Object.entries(limits.disk);
  return el(
    'disk',
    { type: 'file', device: disk.device },
    el('driver', { name: 'qemu', type: disk.format, cache: host.diskCache, discard: disk.device === 'disk' ? host.diskDiscard : null }),
    el('source', { file: disk.path }),
    el('target', { dev: disk.target, bus: disk.bus }),
    disk.device === 'cdrom' && el('readonly'),
    disk.bootsFirst && el('boot', { order: 1 }),
    disk.limited &&
      tune.length > 0 &&
      el(
        'iotune',
        {},
        tune.map(([name, value]) => el(name, {}, value)),
      ),
  );
}

/** An interface as a device of a domain. */
export const interfaceElement = (port: InterfaceSpec, { virtType }: Pick<DomainHost, 'virtType'>): XmlElement =>
  el(
    'interface',
    { type: 'bridge' },
    el('mac', { address: port.macAddress }),
    el('source', { bridge: port.bridge }),
    el('target', { dev: port.device }),
    el('model', { type: port.model }),
    virtType === 'qemu' && port.model === 'virtio' && el('driver', { name: 'qemu' }),
    port.mtu !== null && el('mtu', { size: port.mtu }),
  );
