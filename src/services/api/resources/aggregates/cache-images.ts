import { invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { insertSagas } from '../../../../store/sagas.ts';
import { hostsByCell } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { getAggregate } from './change-aggregate.ts';

/** Has every host of an aggregate fetch these images: written down before the answer, done after it. */
export async function cacheImages(deps: ApiDeps, ctx: RequestContext, aggregateId: number, imageIds: readonly string[]): Promise<void> {
  if (new Set(imageIds).size < imageIds.length) throw invalid('Duplicate images in request');
  const { hosts } = await getAggregate(deps.stores.api, aggregateId);
  const session = deps.identity.sessionOf(ctx.caller);
  for (const id of imageIds) {
    await deps.image.show(session, id).catch((error: unknown) => {
      if (isKind(error, 'notFound', 'forbidden')) throw invalid(`Image ${id} could not be found.`, { cause: error });
      throw error;
    });
  }
  for (const [cellId, within] of await hostsByCell(deps.stores, hosts)) {
    const params = { aggregateId, hosts: within, imageIds };
    await insertSagas(deps.stores.cell(cellId), [
      { id: deps.ids.uuid(), name: 'cache-images', subject: `aggregate ${aggregateId}`, params },
    ]);
  }
  deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
}
