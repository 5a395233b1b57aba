import type { Image } from '../../../../clients/image.ts';
import type { InstanceImage } from '../../../../domain/instance.ts';
import { invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { ApiDeps } from '../../deps.ts';

/** The image a request names, as the caller may see it; 400 for one that is not there or has no data. */
export async function imageById(deps: ApiDeps, ctx: RequestContext, id: string): Promise<InstanceImage> {
  let image: Image;
  try {
    image = await deps.image.show(deps.identity.sessionOf(ctx.caller), id);
  } catch (error) {
    if (isKind(error, 'notFound', 'forbidden')) throw invalid('Can not find requested image', { cause: error });
    throw error;
  }
  if (image.status !== 'active') throw invalid(`Image ${image.id} is not active.`);
  return {
    id: image.id,
    name: image.name,
    diskFormat: image.diskFormat ?? 'raw',
    containerFormat: image.containerFormat ?? 'bare',
    minDisk: image.minDisk,
    minRam: image.minRam,
    size: image.size,
    checksum: image.checksum,
    properties: image.properties,
  };
}
