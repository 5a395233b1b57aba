import { isKind } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import type { ConductorDeps } from '../deps.ts';

export interface CacheImagesParams {
  readonly aggregateId: number;
  readonly hosts: readonly string[];
  readonly imageIds: readonly string[];
}

/** Has the hosts of an aggregate fetch images, several hosts at a time. A host that is down, or cannot have an image, is passed over: it fetches what it needs when it needs it. */
export const cacheImages = saga<CacheImagesParams, ConductorDeps>('cache-images')
  .pointOfNoReturn()
  .step('cached', {
    run: async ({ params: { aggregateId, hosts, imageIds }, deps, idempotencyKey, signal }) => {
      const left = [...hosts];
      const failed: { host: string; imageId: string | null; reason: string }[] = [];
      const work = async (): Promise<void> => {
        for (let host = left.shift(); host !== undefined; host = left.shift()) {
          const on = host;
          try {
            const answer = await deps.agentOn(on).cacheImages({ imageIds: [...imageIds] }, { key: `${idempotencyKey}/${on}`, signal });
            failed.push(...answer.failed.map((failure) => ({ host: on, ...failure })));
          } catch (error) {
            signal.throwIfAborted();
            if (!isKind(error, 'unavailable')) throw error;
            failed.push({ host: on, imageId: null, reason: error.message });
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(deps.settings.image_cache.precache_concurrency, hosts.length) }, work));
      if (failed.length > 0) deps.log.warn({ aggregateId, failed }, 'images were not cached everywhere');
      return { failed };
    },
  });
