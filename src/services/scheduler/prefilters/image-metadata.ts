import { rootTraits } from './prefilter.ts';

const buses = ['FDC', 'IDE', 'LXC', 'SATA', 'SCSI', 'UML', 'USB', 'VIRTIO', 'XEN'];

/** Properties of images that name something a host has a trait for. */
const properties: Readonly<Record<string, { readonly prefix: string; readonly known: readonly string[] }>> = {
  hw_cdrom_bus: { prefix: 'COMPUTE_STORAGE_BUS_', known: buses },
  hw_disk_bus: { prefix: 'COMPUTE_STORAGE_BUS_', known: buses },
  hw_video_model: {
    prefix: 'COMPUTE_GRAPHICS_MODEL_',
    known: ['BOCHS', 'CIRRUS', 'GOP', 'NONE', 'QXL', 'VGA', 'VIRTIO', 'VMVGA', 'XEN'],
  },
  hw_vif_model: {
    prefix: 'COMPUTE_NET_VIF_MODEL_',
    known: [
      'E1000', 'E1000E', 'IGB', 'LAN9118', 'NE2K_PCI', 'NETFRONT', 'PCNET', 'RTL8139', 'SPAPR_VLAN', 'SRIOV', 'VIRTIO', 'VMXNET', 'VMXNET3',
    ],
  },
  hw_architecture: {
    prefix: 'HW_ARCH_',
    known: [
      'AARCH64', 'ALPHA', 'ARMV6', 'ARMV7', 'ARMV7B', 'CRIS', 'I686', 'IA64', 'LM32', 'M68K', 'MICROBLAZE', 'MICROBLAZEEL', 'MIPS', 'MIPS64',
      'MIPS64EL', 'MIPSEL', 'OPENRISC', 'PARISC', 'PARISC64', 'PPC', 'PPC64', 'PPC64LE', 'PPCEMB', 'PPCLE', 'S390', 'S390X', 'SH4', 'SH4EB',
      'SPARC', 'SPARC64', 'UNICORE32', 'X86_64', 'XTENSA', 'XTENSAEB',
    ],
  },
  hw_emulation_architecture: { prefix: 'COMPUTE_ARCH_', known: ['AARCH64', 'MIPSEL', 'PPC64LE', 'RISCV64', 'S390X', 'X86_64'] },
  hw_viommu_model: { prefix: 'COMPUTE_VIOMMU_MODEL_', known: ['AUTO', 'INTEL', 'SMMUV3', 'VIRTIO'] },
}; // prettier-ignore

/** Asks for hosts with the devices the properties of the image name; one that no host can have a trait for makes it ask for none, as in Nova. */
export const transformImageMetadata = rootTraits('transform_image_metadata', ({ spec, settings }) => {
  if (!settings.scheduler.image_metadata_prefilter || spec.image === null) return [];
  const traits: string[] = [];
  for (const [property, { prefix, known }] of Object.entries(properties)) {
    const value = spec.image.properties[property]?.toUpperCase().replaceAll('-', '_');
    if (value === undefined) continue;
    if (!known.includes(value)) return [];
    traits.push(`${prefix}${value}`);
  }
  return traits;
});
