import type { Settings } from '../../config/index.ts';
import type { GuestOrder } from '../../domain/guest-order.ts';
import { tapName, type Vif } from '../../domain/network-info.ts';
import { invalid, unsupported } from '../../lib/errors.ts';
import { cpuTopology } from './cpu-topology.ts';
import { fileSystems, type BaseImage, type ConfigDriveSpec, type DiskSpec, type FileSystem } from './drivers/driver.ts';
import type { GuestSpec, InterfaceSpec, LimitSpec, VolumeSpec } from './drivers/driver.ts';
import { readProperty } from './image-properties.ts';

/** What the host adds to an order. */
export interface GuestSpecInputs {
  readonly settings: Settings;
  /** The file of the order's image; null without an image or where the driver has no use for files. */
  readonly base: BaseImage | null;
  /** What the config drive holds; null without one. */
  readonly configDriveFiles: ConfigDriveSpec['files'] | null;
  /** The volumes of the order, connected. */
  readonly volumes?: readonly VolumeSpec[];
  /** Whether the driver makes real disks and plugs real ports; one that does not takes any binding. */
  readonly real: boolean;
}

/** The guest an order asks for. Every value that users can set is judged here: what is not known never reaches a hypervisor. */
export function guestSpec(order: GuestOrder, inputs: GuestSpecInputs): GuestSpec {
  const { flavor, image } = order;
  const properties = order.imageProperties;
  const read = readProperty(properties);
  const machineType = read.machineType('hw_machine_type') ?? machineTypeOfSettings(inputs.settings);
  if (inputs.real) refuseWishes(flavor.extraSpecs, properties);
  const secure = flavor.extraSpecs['os:secure_boot'] ?? properties['os_secure_boot'];
  return {
    id: order.instanceId,
    name: order.name,
    about: {
      displayName: order.displayName,
      createdAt: order.createdAt,
      flavorName: flavor.name,
      flavorId: flavor.flavorId,
      projectId: order.projectId,
      projectName: order.projectName,
      userId: order.userId,
      userName: order.userName,
      imageId: image?.id ?? null,
    },
    vcpus: flavor.vcpus,
    memoryMb: flavor.memoryMb,
    cpu: { topology: cpuTopology(flavor, properties) },
    machine: {
      type: machineType,
      firmware: read.choice('hw_firmware_type', ['bios', 'uefi']) ?? 'bios',
      secureBoot: secure === 'required',
      osType: read.choice('os_type', ['linux', 'windows']) ?? 'linux',
      bootMenu: read.flag('hw_boot_menu') ?? flagOf(flavor.extraSpecs['hw:boot_menu']) ?? false,
      hideHypervisor: read.flag('img_hide_hypervisor_id') ?? flagOf(flavor.extraSpecs['hw:hide_hypervisor_id']) ?? false,
    },
    disks: disksOf(order, inputs),
    volumes: inputs.volumes ?? [],
    configDrive:
      inputs.configDriveFiles === null
        ? null
        : {
            format: inputs.settings.DEFAULT.config_drive_format,
            bus: inputs.settings.DEFAULT.config_drive_format === 'vfat' ? 'virtio' : read.bus('hw_cdrom_bus'),
            files: inputs.configDriveFiles,
          },
    interfaces: order.networkInfo.map((vif) => interfaceSpec(order, vif, inputs.real)),
    devices: {
      serialPorts: inputs.settings.serial_console.enabled ? serialPortsOf(flavor.extraSpecs, properties) : 1,
      guestAgent: read.flag('hw_qemu_guest_agent') ?? false,
      rng: flagOf(flavor.extraSpecs['hw_rng:allowed']) ?? true,
      video: read.choice('hw_video_model', ['cirrus', 'qxl', 'vga', 'virtio', 'bochs', 'none']),
      tablet: (read.choice('hw_pointer_model', ['usbtablet']) ?? 'usbtablet') === 'usbtablet',
      watchdog: watchdogOf(
        read.choice('hw_watchdog_action', watchdogActions) ??
          choiceOf('hw:watchdog_action', flavor.extraSpecs['hw:watchdog_action'], watchdogActions),
      ),
      scsiModel: read.choice('hw_scsi_model', ['virtio-scsi', 'lsilogic', 'lsisas1068', 'lsisas1078', 'buslogic', 'ibmvscsi', 'vmpvscsi']),
    },
    limits: limitsOf(flavor.extraSpecs),
  };
}

const vifModels = ['virtio', 'e1000', 'e1000e', 'rtl8139', 'ne2k_pci', 'pcnet', 'vmxnet3', 'igb'] as const;
const watchdogActions = ['none', 'pause', 'poweroff', 'reset', 'disabled'] as const;
const watchdogOf = (action: (typeof watchdogActions)[number] | null): GuestSpec['devices']['watchdog'] =>
  action === 'disabled' ? null : action;

/** QEMU has four serial ports on x86, and one is kept back. */
const mostSerialPorts = 3;

/** How many serial ports are consoles: what the flavor says, or fewer when the image says so. */
function serialPortsOf(extraSpecs: Readonly<Record<string, string>>, properties: Readonly<Record<string, string>>): number {
  const count = (text: string | undefined): number | null => {
    if (text === undefined) return null;
    if (!/^\d{1,3}$/.test(text)) throw invalid(`Number of serial ports specified in flavor is invalid: expected an integer, got '${text}'`);
    return Number(text) || null;
  };
  const ofFlavor = count(extraSpecs['hw:serial_port_count']);
  const ofImage = count(properties['hw_serial_port_count']);
  if (ofFlavor !== null && ofImage !== null && ofImage > ofFlavor)
    throw invalid('Forbidden to exceed flavor value of number of serial ports passed in image meta.');
  const ports = ofImage ?? ofFlavor ?? 1;
  if (ports > mostSerialPorts) throw invalid(`Maximum number of serial ports exceeded: a guest may have ${mostSerialPorts} at most.`);
  return ports;
}

const GiB = 1024 ** 3;
const MiB = 1024 ** 2;

/** Root, ephemeral disks, swap: in the order they become `vda`, `vdb`, … */
function disksOf({ flavor, image, imageProperties, blockDevices }: GuestOrder, { base, settings }: GuestSpecInputs): DiskSpec[] {
  const read = readProperty(imageProperties);
  const bus = read.bus('hw_disk_bus');
  const onVolume = blockDevices.some(({ bootIndex, destinationType }) => bootIndex === 0 && destinationType === 'volume');
  const local = (file: string, bytes: number, format?: { readonly fileSystem: FileSystem; readonly label: string }): DiskSpec => ({
    file,
    device: 'disk',
    bus,
    content: { kind: 'blank', ...(format === undefined ? {} : { format }) },
    bytes,
    bootIndex: null,
  });
  const disks: DiskSpec[] = [];
  if (image !== null && !onVolume) {
    const iso = image.diskFormat === 'iso';
    if (base !== null && flavor.rootGb > 0 && base.virtualBytes > flavor.rootGb * GiB) {
      throw invalid(
        `Flavor's disk is too small for requested image. Flavor disk is ${flavor.rootGb * GiB} bytes, image is ${base.virtualBytes} bytes.`,
        { code: 'flavor-disk-smaller-than-image' },
      );
    }
    disks.push({
      file: 'disk',
      device: iso ? 'cdrom' : 'disk',
      bus: iso ? read.bus('hw_cdrom_bus') : bus,
      content: { kind: 'image', base },
      bytes: flavor.rootGb === 0 || iso ? null : flavor.rootGb * GiB,
      bootIndex: 1,
    });
  } else if (flavor.rootGb > 0 && !onVolume) disks.push({ ...local('disk', flavor.rootGb * GiB), bootIndex: 1 });
  const blank = blockDevices.filter(({ sourceType, destinationType }) => sourceType === 'blank' && destinationType === 'local');
  const asked = blank.filter(({ guestFormat }) => guestFormat !== 'swap');
  const ephemeral = asked.length > 0 ? asked : [{ volumeSize: flavor.ephemeralGb, guestFormat: null }];
  const ofSystem = settings.DEFAULT.default_ephemeral_format ?? (imageProperties['os_type'] === 'linux' ? 'ext4' : 'vfat');
  for (const [index, { volumeSize, guestFormat }] of ephemeral.filter((each) => each.volumeSize !== 0).entries()) {
    const fileSystem = guestFormat === null ? ofSystem : choiceOf('guest_format', guestFormat, fileSystems)!;
    disks.push(local(`disk.eph${index}`, (volumeSize ?? flavor.ephemeralGb) * GiB, { fileSystem, label: `ephemeral${index}` }));
  }
  const swap = blank.find(({ guestFormat }) => guestFormat === 'swap')?.volumeSize ?? flavor.swapMb;
  if (swap > 0) disks.push(local('disk.swap', swap * MiB, { fileSystem: 'swap', label: 'swap' }));
  return disks;
}

/** What changes where and how a guest runs, and is not done here: better refused than silently left out. */
const wishes: readonly { readonly extraSpec: string; readonly property: string; readonly harmless: RegExp }[] = [
  { extraSpec: 'hw:cpu_policy', property: 'hw_cpu_policy', harmless: /^shared$/ },
  { extraSpec: 'hw:numa_nodes', property: 'hw_numa_nodes', harmless: /^1$/ },
  { extraSpec: 'hw:mem_page_size', property: 'hw_mem_page_size', harmless: /^(any|small)$/ },
  { extraSpec: 'hw:mem_encryption', property: 'hw_mem_encryption', harmless: /^(false|0|no|off)$/i },
  { extraSpec: 'hw:locked_memory', property: 'hw_locked_memory', harmless: /^(false|0|no|off)$/i },
  { extraSpec: 'hw:tpm_version', property: 'hw_tpm_version', harmless: /^$/ },
  { extraSpec: 'hw:pmem', property: 'hw_pmem', harmless: /^$/ },
  { extraSpec: 'hw:viommu_model', property: 'hw_viommu_model', harmless: /^$/ },
  { extraSpec: 'pci_passthrough:alias', property: 'hw_pci_passthrough', harmless: /^$/ },
];

function refuseWishes(extraSpecs: Readonly<Record<string, string>>, properties: Readonly<Record<string, string>>): void {
  for (const { extraSpec, property, harmless } of wishes) {
    for (const [source, value] of [
      [`extra spec '${extraSpec}' of the flavor`, extraSpecs[extraSpec]],
      [`property '${property}' of the image`, properties[property]],
    ] as const) {
      if (value !== undefined && !harmless.test(value)) throw unsupported(`This host cannot do what the ${source} asks for.`);
    }
  }
}

/** One interface of the guest an order asks for; `real` as for the guest. */
export function interfaceSpec(order: GuestOrder, vif: Vif, real: boolean): InterfaceSpec {
  if (real && vif.vifType !== 'bridge')
    throw unsupported(`Port ${vif.portId} is bound as '${vif.vifType}', which this host cannot plug: it knows 'bridge'.`);
  const named = vif.vifDetails['bridge_name'];
  const bridge = typeof named === 'string' ? named : `brq${vif.networkId.slice(0, 11)}`;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(bridge)) throw invalid(`Port ${vif.portId} names a bridge that cannot be one.`);
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(vif.macAddress)) throw invalid(`Port ${vif.portId} has no usable MAC address.`);
  const model = readProperty(order.imageProperties).choice('hw_vif_model', vifModels) ?? 'virtio';
  return { portId: vif.portId, macAddress: vif.macAddress, device: tapName(vif.portId), bridge, model, mtu: vif.mtu };
}

function limitsOf(extraSpecs: Readonly<Record<string, string>>): LimitSpec {
  const number = (key: string): number | null => {
    const text = extraSpecs[key];
    if (text === undefined) return null;
    if (!/^-?\d{1,15}$/.test(text)) throw invalid(`The flavor's extra spec '${key}' must be a whole number.`);
    return Number(text);
  };
  const disk = ['read', 'write', 'total'].flatMap((direction) =>
    ['bytes', 'iops'].flatMap((unit) => {
      const value = number(`quota:disk_${direction}_${unit}_sec`);
      return value === null ? [] : [[`${direction}_${unit}_sec`, value] as const];
    }),
  );
  return {
    cpuShares: number('quota:cpu_shares'),
    cpuPeriod: number('quota:cpu_period'),
    cpuQuota: number('quota:cpu_quota'),
    disk: Object.fromEntries(disk),
  };
}

function machineTypeOfSettings(settings: Settings): string | null {
  for (const entry of settings.libvirt.hw_machine_type) {
    const [architecture, type] = entry.split('=');
    if (architecture === 'x86_64' && type !== undefined) return type;
  }
  return null;
}

const flagOf = (text: string | undefined): boolean | null => (text === undefined ? null : /^(true|1|yes|on)$/i.test(text));

function choiceOf<const C extends string>(key: string, text: string | undefined, choices: readonly C[]): C | null {
  if (text === undefined) return null;
  return choices.find((choice) => choice === text) ?? refuse(key, choices);
}

const refuse = (key: string, choices: readonly string[]): never => {
  throw invalid(`'${key}' must be one of ${choices.join(', ')}.`);
};
