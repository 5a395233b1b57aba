import { routeFactory, type RequestContext } from '../../lib/http/route.ts';
import type { PolicyTarget } from '../../lib/policy/policy.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { ContentStore } from './content-store.ts';
import { isVisibleTo, targetOf, type ImageRecord } from './image-record.ts';
import { findImage, imageNotFound, type ImageDatabase, type ImageExecutor } from './image-store.ts';
import type { ImageRule } from './policy.ts';
import type { ImageLimits } from './settings.ts';
import { normalizeUuid } from '../../lib/ids.ts';

/** What the handlers of the image service are given. */
export interface ImageDeps {
  readonly database: ImageDatabase;
  readonly content: ContentStore;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** Runs work that goes on after its answer; the service waits for it when it stops. */
  readonly inBackground: (work: () => Promise<void>) => void;
}

export const imageRoute = routeFactory<ImageDeps, ImageRule>();

/** The image a path names, as far as the caller may know of it: 404 otherwise, as if there were none. */
export async function visibleImage(
  deps: ImageDeps,
  ctx: RequestContext,
  text: string,
  options: { readonly db?: ImageExecutor; readonly lock?: boolean } = {},
): Promise<ImageRecord> {
  const id = normalizeUuid(text);
  const image =
    id === null
      ? null
      : await findImage(options.db ?? deps.database, id, ctx.caller.projectId, options.lock === undefined ? {} : { lock: options.lock });
  if (image === null || !isVisibleTo(image, ctx.caller, ctx.can('context_is_admin'))) throw imageNotFound(text);
  return image;
}

/** The `load` and `target` of routes whose path names an image. */
export const ofImage = {
  load: async ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly imageId: string };
    readonly ctx: RequestContext;
    readonly deps: ImageDeps;
  }): Promise<LoadedImage> => {
    const image = await visibleImage(deps, ctx, params.imageId);
    return { image, target: targetOf(image, ctx.caller) };
  },
  target: ({ target }: LoadedImage): PolicyTarget => target,
};

export interface LoadedImage {
  readonly image: ImageRecord;
  readonly target: PolicyTarget;
}
