import type { Image } from '../../clients/image.ts';

/** What a volume keeps of the image it was made from. */
export const imageMetadataOf = (image: Image): Readonly<Record<string, string>> => ({
  ...image.properties,
  image_id: image.id,
  image_name: image.name ?? '',
  min_disk: String(image.minDisk),
  min_ram: String(image.minRam),
  ...(image.diskFormat === null ? {} : { disk_format: image.diskFormat }),
  ...(image.containerFormat === null ? {} : { container_format: image.containerFormat }),
  ...(image.checksum === null ? {} : { checksum: image.checksum }),
  ...(image.size === null ? {} : { size: String(image.size) }),
});
