import { rootTraits } from './prefilter.ts';

const known = new Set(['AKI', 'AMI', 'ARI', 'ISO', 'PLOOP', 'QCOW2', 'RAW', 'VDI', 'VHD', 'VHDX', 'VMDK']);

/** Asks for hosts that can read the disk format of the image. */
export const requireImageTypeSupport = rootTraits('require_image_type_support', ({ spec, settings }) => {
  if (!settings.scheduler.query_placement_for_image_type_support || spec.isBootedFromVolume || spec.image === null) return [];
  const format = spec.image.diskFormat.toUpperCase();
  return known.has(format) ? [`COMPUTE_IMAGE_TYPE_${format}`] : [];
});
