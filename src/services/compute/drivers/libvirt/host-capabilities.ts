import { parseXml } from '../../../../lib/xml/parse.ts';
import { attributeAt, find, findAll, textAt, textOf } from '../../../../lib/xml/query.ts';

/** What libvirt says of the host and of the domains it can run. */
export interface HostCapabilities {
  readonly cpuInfo: Readonly<Record<string, unknown>>;
  /** [architecture, hypervisor type, vm mode]. */
  readonly supportedInstances: readonly (readonly [string, string, string])[];
  /** Domain types the x86_64 emulator has. */
  readonly domainTypes: readonly string[];
  readonly hyperthreaded: boolean;
  readonly features: readonly string[];
}

export function readHostCapabilities(xml: string): HostCapabilities {
  const root = parseXml(xml);
  const cpu = find(root, 'host/cpu');
  const number = (path: string, attribute: string): number => Number((cpu === null ? null : attributeAt(cpu, path, attribute)) ?? 1);
  const features = cpu === null ? [] : findAll(cpu, 'feature').flatMap(({ attributes }) => attributes['name'] ?? []);
  const guests = findAll(root, 'guest').map((guest) => ({
    arch: attributeAt(guest, 'arch', 'name') ?? '',
    mode: textAt(guest, 'os_type') ?? 'hvm',
    types: findAll(guest, 'arch/domain').flatMap(({ attributes }) => attributes['type'] ?? []),
  }));
  return {
    cpuInfo: {
      arch: cpu === null ? null : textAt(cpu, 'arch'),
      model: cpu === null ? null : textAt(cpu, 'model'),
      vendor: cpu === null ? null : textAt(cpu, 'vendor'),
      topology: {
        cells: findAll(root, 'host/topology/cells/cell').length,
        sockets: number('topology', 'sockets'),
        cores: number('topology', 'cores'),
        threads: number('topology', 'threads'),
      },
      features: features.toSorted(),
    },
    supportedInstances: guests.flatMap(({ arch, mode, types }) => types.map((type) => [arch, type, mode] as const)),
    domainTypes: guests.find(({ arch }) => arch === 'x86_64')?.types ?? [],
    hyperthreaded: number('topology', 'threads') > 1,
    features,
  };
}

export interface DomainCapabilities {
  /** Without those of the processor, which follow from its mode. */
  readonly traits: readonly string[];
  /** Features of the processor that `host-model` gives. */
  readonly modelFeatures: readonly string[];
  /** CPU modes that work for this kind of domain. */
  readonly cpuModes: readonly string[];
}

/** Traits that follow from what a domain may have. Attaching, volumes and rescue are not among them: the driver does not do them. */
export function readDomainCapabilities(xml: string): DomainCapabilities {
  const root = parseXml(xml);
  const values = (path: string, name: string): string[] =>
    findAll(root, `${path}/enum`)
      .filter(({ attributes }) => attributes['name'] === name)
      .flatMap((list) => findAll(list, 'value').map(textOf));
  const cpuModes = findAll(root, 'cpu/mode')
    .filter(({ attributes }) => attributes['supported'] === 'yes')
    .flatMap(({ attributes }) => attributes['name'] ?? []);
  const hostModel = findAll(root, 'cpu/mode').find(({ attributes }) => attributes['name'] === 'host-model');
  const modelFeatures =
    hostModel === undefined
      ? []
      : findAll(hostModel, 'feature')
          .filter(({ attributes }) => attributes['policy'] === 'require')
          .flatMap(({ attributes }) => attributes['name'] ?? []);
  const traits = [
    ...known('COMPUTE_STORAGE_BUS_', values('devices/disk', 'bus'), ['virtio', 'scsi', 'ide', 'sata', 'usb', 'fdc']),
    ...known('COMPUTE_GRAPHICS_MODEL_', values('devices/video', 'modelType'), ['cirrus', 'qxl', 'vga', 'virtio', 'bochs', 'none']),
    ...['VIRTIO', 'E1000', 'E1000E', 'RTL8139', 'NE2K_PCI', 'PCNET', 'VMXNET3'].map((model) => `COMPUTE_NET_VIF_MODEL_${model}`),
    ...['AMI', 'RAW', 'ISO', 'QCOW2', 'VDI', 'VHD', 'VHDX', 'VMDK'].map((format) => `COMPUTE_IMAGE_TYPE_${format}`),
    ...(values('os', 'firmware').includes('efi') && values('os/loader', 'secure').includes('yes')
      ? ['COMPUTE_SECURITY_UEFI_SECURE_BOOT']
      : []),
    'COMPUTE_ARCH_X86_64',
    'COMPUTE_RESCUE_BFV', // by an image that says what it becomes
    'HW_ARCH_X86_64',
  ];
  return { traits: [...new Set(traits)].toSorted(), modelFeatures, cpuModes };
}

/** Those of these names that were found, each as a trait. */
const known = (prefix: string, found: readonly string[], names: readonly string[]): string[] =>
  names.filter((name) => found.includes(name)).map((name) => `${prefix}${name.toUpperCase().replaceAll('-', '_')}`);
