import type { Image } from '../../../../clients/image.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { isKind } from '../../../../lib/errors.ts';
import { isTruthy } from '../../../../lib/http/query.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { ApiDeps } from '../../deps.ts';

/** What an image of a server is to be. */
export interface WantedImage {
  readonly name: string;
  readonly type: 'snapshot' | 'backup';
  /** What the request adds to what is inherited from the server's own image. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** How the saga that fills the image is told to do it. */
export interface ImageToFill {
  readonly imageId: string;
  readonly format: 'raw' | 'qcow2' | 'iso';
  readonly quiesce: 'never' | 'try' | 'must';
}

/** Names that Glance has for itself; a property may not be called so. */
const reserved = new Set(['id', 'name', 'status', 'visibility', 'owner', 'size', 'checksum', 'min_disk', 'min_ram', 'tags', 'protected']);

/** Makes an image without data as its user, so that it is theirs and their quotas count; `begin` starts what fills it, or the image goes again. */
export async function withNewImage<T>(
  deps: ApiDeps,
  ctx: RequestContext,
  instance: Instance,
  wanted: WantedImage,
  begin: (image: ImageToFill) => Promise<T>,
): Promise<T> {
  const session = deps.identity.sessionOf(ctx.caller);
  const image: Image = await deps.image.create(session, {
    name: wanted.name,
    diskFormat: formatOf(deps, instance),
    containerFormat: 'bare',
    visibility: 'private',
    minDisk: Math.max(instance.image?.minDisk ?? 0, instance.flavor.rootGb),
    minRam: instance.image?.minRam ?? 0,
    properties: propertiesOf(deps, ctx, instance, wanted),
  });
  const properties = instance.image?.properties ?? {};
  try {
    return await begin({
      imageId: image.id,
      format: formatOf(deps, instance),
      quiesce: isTruthy(properties['os_require_quiesce']) ? 'must' : isTruthy(properties['hw_qemu_guest_agent']) ? 'try' : 'never',
    });
  } catch (error) {
    await deps.image.delete(session, image.id).catch((failure: unknown) => {
      if (!isKind(failure, 'notFound'))
        deps.log.warn({ imageId: image.id, err: failure }, 'an image that nobody will fill could not be deleted');
    });
    throw error;
  }
}

/** A CD-ROM is copied as it is; any other disk in the configured format, or the one of the disks of guests. */
const formatOf = ({ settings: { libvirt } }: ApiDeps, { image }: Instance): ImageToFill['format'] =>
  image?.diskFormat === 'iso' ? 'iso' : (libvirt.snapshot_image_format ?? (libvirt.images_type === 'raw' ? 'raw' : 'qcow2'));

function propertiesOf(
  { settings }: ApiDeps,
  { caller }: RequestContext,
  instance: Instance,
  { type, properties: asked = {} }: WantedImage,
): Record<string, string> {
  const left = new Set([...settings.DEFAULT.non_inheritable_image_properties, ...signature]);
  const inherited = Object.entries(instance.image?.properties ?? {}).filter(([key]) => !left.has(key));
  return {
    ...Object.fromEntries(inherited),
    ...(instance.image === null ? {} : { base_image_ref: instance.image.id }),
    image_type: type,
    // what the request says of the image goes before what we would, its type included
    ...Object.fromEntries(Object.entries(asked).filter(([key]) => !reserved.has(key))),
    instance_uuid: instance.id,
    user_id: caller.userId,
    owner_project_name: caller.projectName ?? '',
    owner_user_name: caller.userName,
  };
}

/** What is signed is the image it came from, and not this one. */
const signature = ['img_signature', 'img_signature_hash_method', 'img_signature_key_type', 'img_signature_certificate_uuid'];
