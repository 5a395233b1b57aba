import { flavorNotFound } from '../../../../domain/faults.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { findFlavor, type Flavor } from '../../../../store/flavors.ts';
import type { ApiDeps } from '../../deps.ts';

/** The flavor of this public id, as far as the caller may know of it: a private one of others is not found. */
export async function flavorOf(deps: ApiDeps, ctx: RequestContext, flavorId: string): Promise<Flavor> {
  const flavor = await findFlavor(deps.stores.api, flavorId, ctx.caller);
  if (flavor === null) throw flavorNotFound(flavorId);
  return flavor;
}
