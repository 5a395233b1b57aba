import type { Readable } from 'node:stream';
import type { NbdConnection } from '../../../clients/volume.ts';
import type { GuestDiagnostics } from '../../../domain/guest-diagnostics.ts';
import type { GuestHolding } from '../../../domain/guest-holding.ts';
import type { GuestEvent } from '../../../domain/hosts.ts';
import type { PowerState } from '../../../domain/instance.ts';
import type { ConfigDriveFile } from '../../../domain/metadata/config-drive-files.ts';
import type { PlacedDevice } from '../../../domain/metadata/tagged-devices.ts';
import type { HostTopology } from '../../../domain/numa/host-topology.ts';
import type { PciDevice } from '../../../domain/pci/device-spec.ts';
import type { GuestMoves, LiveMoves } from './guest-moves.ts';
import type { LeftFiles } from './left-files.ts';

/**
 * What every hypervisor can do. A driver knows guests, not tenants: no database, no bus, no other service. Every verb bears being
 * repeated (a guest that is already as asked is a success), sees only guests of its own cloud, and leaves nothing behind when it fails.
 * A verb about a guest that is not there throws `notFound`.
 */
export interface HypervisorDriver {
  /** What the host has and what is used of it. */
  inventory(): Promise<HostInventory>;
  /** Every guest of this cloud. */
  guests(): Promise<readonly GuestInfo[]>;
  inspect(id: string): Promise<GuestInfo | null>;
  /** Makes disks and guest, and starts it: its processors stand still until `unpause` when `paused`. */
  spawn(spec: GuestSpec, options: { readonly paused: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** Removes the guest with its disks and logs; succeeds when it is already gone. */
  destroy(id: string): Promise<void>;
  /** Asks the guest to shut down, and switches it off when it has not after so many seconds. */
  powerOff(id: string, options: { readonly graceSeconds: number; readonly signal: AbortSignal }): Promise<void>;
  /** Starts a guest that is off, defined anew from `spec`; its disks are kept. */
  powerOn(spec: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Whether the guest went down by itself within so many seconds and is running again. */
  softReboot(id: string, options: { readonly graceSeconds: number; readonly signal: AbortSignal }): Promise<boolean>;
  /** Switched off, defined anew from `spec`, and started; disks are kept. */
  hardReboot(spec: GuestSpec, signal: AbortSignal): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  /** Memory is kept on disk, and the guest is off until `resume`. */
  suspend(id: string): Promise<void>;
  resume(spec: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Plugs in one more interface: at once when the guest runs, else from its next start. One that is in stays. */
  attachInterface(id: string, port: InterfaceSpec): Promise<void>;
  /** Takes an interface out, and waits until the guest has let go of it; succeeds when it is not in. `conflict` when the guest keeps it. */
  detachInterface(id: string, port: PluggedInterface, signal: AbortSignal): Promise<void>;
  /** Plugs in a volume: at once when the guest runs, else from its next start. One that is in stays. */
  attachVolume(spec: GuestSpec, volume: VolumeSpec): Promise<void>;
  /** Takes a volume out, and waits until the guest has let go of it; succeeds when it is not in. `conflict` when the guest keeps it. */
  detachVolume(id: string, volumeId: string, signal: AbortSignal): Promise<void>;
  /** Tells a running guest that its volume has grown; one that is off sees it at its next start. */
  growVolume(id: string, volumeId: string, bytes: number): Promise<void>;
  /**
   * Copies the root disk, as it is at one moment, into a file that stands alone; the guest goes on as it was. It is kept under that
   * name until it is discarded, at the latest with the guest. A copy of that name that is there is made anew.
   */
  copyRootDisk(spec: GuestSpec, copy: DiskCopy, signal: AbortSignal): Promise<void>;
  /** The bytes of a copy; `notFound` when there is none of that name. */
  readCopy(id: string, name: string): Promise<{ readonly bytes: number; readonly data: Readable }>;
  /** Succeeds when there is none. */
  discardCopy(id: string, name: string): Promise<void>;
  /** Starts the guest from `spec`, whose disks marked `onlyForRescue` are made anew; the others are kept. */
  rescue(spec: GuestSpec, signal: AbortSignal): Promise<void>;
  /** Starts the guest as it was, and removes what was made for its rescue; one that runs and is not rescued is left alone. */
  unrescue(spec: GuestSpec, signal: AbortSignal): Promise<void>;
  /**
   * Sets a password inside a running guest. `conflict` when it has no agent or the agent refuses, `unsupported` when the agent does
   * not answer.
   */
  setPassword(id: string, account: { readonly user: string; readonly password: string }): Promise<void>;
  /** Sends the guest a non-maskable interrupt, which most answer with a crash dump. */
  interrupt(id: string): Promise<void>;
  /** The end of what the guest has written to its first serial port. */
  consoleLog(id: string, maxBytes: number): Promise<string>;
  /** How busy a guest is; `conflict` for one that does not run. */
  diagnostics(id: string): Promise<GuestDiagnostics>;
  /** One line, as `uptime` prints it. */
  uptime(): Promise<string>;
  /** What guests do by themselves, until the signal; never ends because the hypervisor's daemon was restarted. */
  events(signal: AbortSignal): AsyncIterable<GuestEvent>;
  /** What stands in the way of work just now, in words. */
  problems(): readonly string[];
  /** Lets go of the hypervisor; guests live on. */
  close(): Promise<void>;

  /** Set when disks are made from files of images, which lie in this directory; without it no image is fetched. */
  readonly imageFiles?: { readonly directory: string };
  /** Set when ports are really plugged, so that a guest must wait for the network to report them ready. */
  readonly ports?: PortPlugging;
  /** Set when guests can be laid out on NUMA nodes and be given PCI devices; else what they ask for of these is refused or does not matter. */
  readonly layout?: GuestLayout;
  /** Set where guests can get another flavor or another host. */
  readonly moves?: GuestMoves;
  /** Set where guests have files, which may be left behind. */
  readonly leftFiles?: LeftFiles;
  /** Set where they can do so while they run. */
  readonly liveMoves?: LiveMoves;
  /** Set when a guest bears that the connection of a volume is cut and comes back, as it does when the volume grows. libvirt 9 has no way to say so for NBD. */
  readonly followsVolumes?: true;
  /** Where the disks and interfaces of a guest are; left out where nobody could tell. */
  readonly placedDevices?: (id: string) => Promise<readonly PlacedDevice[]>;
  /** Ways to look at a guest and to type into it. */
  readonly consoles?: Partial<Readonly<Record<'vnc' | 'spice' | 'serial', ConsoleOpener>>>;
}

/** Where a running guest listens for viewers; null when the guest has no such device. */
export type ConsoleOpener = (id: string) => Promise<{ readonly host: string; readonly port: number; readonly tlsPort?: number } | null>;

/** Hosts whose guests can have processors, pages and devices for themselves. */
export interface GuestLayout {
  /** What there is, whoever uses it. */
  hardware(): Promise<{ readonly numaTopology: HostTopology | null; readonly pciDevices: readonly PciDevice[] }>;
  /** What every guest was made with, by its id; of those that are set aside by `asideKey`. */
  held(): Promise<ReadonlyMap<string, GuestHolding>>;
}

export interface PortPlugging {
  /** Makes what the guest's devices are plugged into, where it is not there yet. */
  prepare(interfaces: readonly InterfaceSpec[]): Promise<void>;
}

export interface GuestInfo {
  readonly id: string;
  readonly name: string;
  readonly powerState: PowerState;
}

/** A host as its driver sees it. */
export interface HostInventory {
  /** `hypervisor_hostname`, which never changes. */
  readonly hostname: string;
  readonly hypervisorType: string;
  /** major × 1 000 000 + minor × 1 000 + micro. */
  readonly hypervisorVersion: number;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly localGb: number;
  readonly vcpusUsed: number;
  readonly memoryMbUsed: number;
  readonly localGbUsed: number;
  readonly diskAvailableLeast: number | null;
  readonly runningVms: number;
  readonly cpuInfo: Readonly<Record<string, unknown>>;
  /** [architecture, hypervisor type, vm mode]. */
  readonly supportedInstances: readonly (readonly [string, string, string])[];
  /** Standard traits that are true of the host. */
  readonly traits: readonly string[];
}

/** A guest as it must be made: everything is decided, nothing is left to ask. */
export interface GuestSpec {
  readonly id: string;
  /** What it has of the host for itself; unset for a guest that asks for nothing. */
  readonly holding?: GuestHolding;
  /** Its name on the hypervisor. */
  readonly name: string;
  /** Kept with the guest for whoever looks at the hypervisor. */
  readonly about: GuestAbout;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly cpu: CpuSpec;
  readonly machine: MachineSpec;
  /** In the order of the guest's devices; the first one is the root disk, unless a volume is. */
  readonly disks: readonly DiskSpec[];
  /** Left out is none. */
  readonly volumes?: readonly VolumeSpec[];
  readonly configDrive: ConfigDriveSpec | null;
  readonly interfaces: readonly InterfaceSpec[];
  readonly devices: DeviceSpec;
  readonly limits: LimitSpec;
}

export interface GuestAbout {
  readonly displayName: string;
  readonly createdAt: string;
  readonly flavorName: string;
  readonly flavorId: string;
  readonly projectId: string;
  readonly projectName: string | null;
  readonly userId: string;
  readonly userName: string | null;
  readonly imageId: string | null;
}

export interface CpuSpec {
  readonly topology: { readonly sockets: number; readonly cores: number; readonly threads: number };
}

export interface MachineSpec {
  /** Null leaves it to the host. */
  readonly type: string | null;
  readonly firmware: 'bios' | 'uefi';
  readonly secureBoot: boolean;
  readonly osType: string;
  readonly bootMenu: boolean;
  readonly hideHypervisor: boolean;
}

export type DiskBus = 'virtio' | 'scsi' | 'ide' | 'sata' | 'usb' | 'fdc';

/** An image as a file that disks are made from: inspected, and never written again. */
export interface BaseImage {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly virtualBytes: number;
}

/** What a blank disk may be made into; `swap` is one too. */
export const fileSystems = ['ext4', 'xfs', 'vfat', 'swap'] as const;
export type FileSystem = (typeof fileSystems)[number];

export interface DiskSpec {
  /** Its file in the guest's directory: `disk`, `disk.eph0`, `disk.swap`. */
  readonly file: string;
  readonly device: 'disk' | 'cdrom';
  /** Null takes the default of device and machine. */
  readonly bus: DiskBus | null;
  /** What it starts with: a copy of an image (null where the driver has no use for files), or nothing but a file system. */
  readonly content:
    | { readonly kind: 'image'; readonly base: BaseImage | null }
    | { readonly kind: 'blank'; readonly format?: { readonly fileSystem: FileSystem; readonly label: string } };
  /** Null is as large as its image. */
  readonly bytes: number | null;
  readonly bootIndex: number | null;
  /** Set for what a rescued guest has besides its own disks. */
  readonly onlyForRescue?: true;
  /** Set where the guest begins with this disk, wherever it stands among the others. */
  readonly bootsFirst?: true;
}

/** A volume as a disk of a guest: its content is somewhere else, and outlives the guest. */
export interface VolumeSpec {
  readonly volumeId: string;
  readonly device: 'disk' | 'cdrom';
  readonly bus: DiskBus | null;
  /** The name it has in the guest, such as `vdb`; one that is taken or of another bus gives way to the next free one. */
  readonly target: string;
  readonly bootIndex: number | null;
  /** Other guests may have it at the same time. */
  readonly shareable: boolean;
  /** Where the bytes are; null for a driver that has no use for them. */
  readonly connection: NbdConnection['data'] | null;
}

/** How a root disk is copied. */
export interface DiskCopy {
  readonly name: string;
  /** `iso` copies a CD-ROM as it is. */
  readonly format: 'raw' | 'qcow2' | 'iso';
  /** Whether the guest's file systems are brought to rest first: never, where its agent can, or not without. `conflict` for the last. */
  readonly quiesce: 'never' | 'try' | 'must';
}

export interface ConfigDriveSpec {
  readonly format: 'iso9660' | 'vfat';
  readonly bus: DiskBus | null;
  /** What it holds: of its devices, which are where they are said to be. */
  readonly files: (placed: readonly PlacedDevice[]) => readonly ConfigDriveFile[];
  /** Set for the one of a rescued guest, beside which its own is kept. */
  readonly onlyForRescue?: true;
}

export interface InterfaceSpec {
  readonly portId: string;
  readonly macAddress: string;
  /** Name of its device on the host. */
  readonly device: string;
  readonly bridge: string;
  readonly model: string;
  readonly mtu: number | null;
}

/** Enough to find an interface in a guest. */
export type PluggedInterface = Pick<InterfaceSpec, 'portId' | 'macAddress' | 'device'>;

export interface DeviceSpec {
  /** Where serial ports are consoles; one when left out. */
  readonly serialPorts?: number;
  readonly guestAgent: boolean;
  readonly rng: boolean;
  readonly video: string | null;
  readonly tablet: boolean;
  readonly watchdog: 'none' | 'pause' | 'poweroff' | 'reset' | null;
  readonly scsiModel: string | null;
}

/** What a guest may use at most; null is without a limit. */
export interface LimitSpec {
  readonly cpuShares: number | null;
  readonly cpuPeriod: number | null;
  readonly cpuQuota: number | null;
  /** libvirt's own names, such as `read_bytes_sec`. */
  readonly disk: Readonly<Record<string, number>>;
}
