import type { GuestEvent } from '../../../domain/hosts.ts';
import type { PowerState } from '../../../domain/instance.ts';

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
  /** The end of what the guest has written to its first serial port. */
  consoleLog(id: string, maxBytes: number): Promise<string>;
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
  /** Where a viewer finds the guest's screen. */
  readonly vnc?: (id: string) => Promise<{ readonly host: string; readonly port: number }>;
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

/** A guest as it must be made: everything is decided, nothing is left to ask. Pure data. */
export interface GuestSpec {
  readonly id: string;
  /** Its name on the hypervisor. */
  readonly name: string;
  /** Kept with the guest for whoever looks at the hypervisor. */
  readonly about: GuestAbout;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly cpu: CpuSpec;
  readonly machine: MachineSpec;
  /** In the order of the guest's devices; the first one is the root disk. */
  readonly disks: readonly DiskSpec[];
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

export interface DiskSpec {
  /** Its file in the guest's directory: `disk`, `disk.eph0`, `disk.swap`. */
  readonly file: string;
  readonly device: 'disk' | 'cdrom';
  /** Null takes the default of device and machine. */
  readonly bus: DiskBus | null;
  /** What it starts with: a copy of an image (null where the driver has no use for files), or nothing. */
  readonly content: { readonly kind: 'image'; readonly base: BaseImage | null } | { readonly kind: 'blank' };
  /** Null is as large as its image. */
  readonly bytes: number | null;
  readonly bootIndex: number | null;
}

export interface ConfigDriveSpec {
  readonly format: 'iso9660' | 'vfat';
  readonly bus: DiskBus | null;
  readonly files: readonly { readonly path: string; readonly content: string | Uint8Array }[];
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

export interface DeviceSpec {
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
