import type { RequestContext } from '../../../lib/http/route.ts';
import { formatTime, type ImageMember, type ImageRecord } from '../image-record.ts';

/** An image as clients see it: custom properties stand beside the others. */
export const imageView = (image: ImageRecord): Record<string, unknown> => ({
  ...image.properties,
  id: image.id,
  name: image.name,
  status: image.status,
  visibility: image.visibility,
  protected: image.protected,
  os_hidden: image.hidden,
  owner: image.owner,
  disk_format: image.diskFormat,
  container_format: image.containerFormat,
  min_disk: image.minDisk,
  min_ram: image.minRam,
  size: image.data?.size ?? null,
  virtual_size: image.data?.virtualSize ?? null,
  checksum: image.data?.checksum ?? null,
  os_hash_algo: image.data === null ? null : 'sha512',
  os_hash_value: image.data?.sha512 ?? null,
  tags: image.tags,
  created_at: formatTime(image.createdAt),
  updated_at: formatTime(image.updatedAt),
  ...(image.data === null ? {} : { stores: 'default' }),
  self: `/v2/images/${image.id}`,
  file: `/v2/images/${image.id}/file`,
  schema: '/v2/schemas/image',
});

export const memberView = (member: ImageMember): Record<string, unknown> => ({
  image_id: member.imageId,
  member_id: member.memberId,
  status: member.status,
  created_at: formatTime(member.createdAt),
  updated_at: formatTime(member.updatedAt),
  schema: '/v2/schemas/member',
});

/** Headers of the answer to a create. */
export const creationHeaders = (ctx: RequestContext, image: ImageRecord): Record<string, string> => ({
  location: `${ctx.baseUrl}/v2/images/${image.id}`,
  'openstack-image-import-methods': 'glance-direct',
  'openstack-image-store-ids': 'default',
});
