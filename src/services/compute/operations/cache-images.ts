import { messageOf } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';

/** Fetches images one after the other; a driver that makes no disks of files has no use for them. */
export async function cacheImages(
  host: ComputeHost,
  imageIds: readonly string[],
  signal: AbortSignal,
): Promise<{ failed: { imageId: string; reason: string }[] }> {
  const failed: { imageId: string; reason: string }[] = [];
  if (host.images === null) return { failed };
  for (const imageId of imageIds) {
    try {
      await host.images.base({ id: imageId }, signal);
    } catch (error) {
      signal.throwIfAborted();
      host.log.warn({ imageId, err: error }, 'image could not be cached');
      failed.push({ imageId, reason: messageOf(error) });
    }
  }
  return { failed };
}
