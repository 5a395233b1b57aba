import type { InstanceFlavor, InstanceImage } from '../../../../domain/instance.ts';
import { forbidden, invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';

const gib = 1024 ** 3;

/** Nova's checks of a flavor against an image. */
export function refuseMisfit(ctx: RequestContext, flavor: InstanceFlavor, image: InstanceImage): void {
  if (flavor.memoryMb < image.minRam) throw invalid("Flavor's memory is too small for requested image.");
  if (flavor.rootGb === 0) {
    if (!ctx.can('os_compute_api:servers:create:zero_disk_flavor'))
      throw forbidden('Only volume-backed servers are allowed for flavors with zero disk.');
    return;
  }
  const bytes = flavor.rootGb * gib;
  if (image.size !== null && image.size > bytes)
    throw invalid(`Flavor's disk is too small for requested image. Flavor disk is ${bytes} bytes, image is ${image.size} bytes.`);
  if (image.minDisk * gib > bytes) {
    throw invalid(
      `Flavor's disk is too small for requested image. Flavor disk is ${bytes} bytes, minimum size is ${image.minDisk * gib} bytes.`,
    );
  }
}
