import type { Instance } from '../../../../domain/instance.ts';
import { conflict } from '../../../../lib/errors.ts';
import { requestSpecOf, updateRequestSpec } from '../../../../store/mappings.ts';
import type { ApiDeps } from '../../deps.ts';

/** Pins a server to the zone it is in, so that it stays there when it is moved, or unpins it. A pin is never changed to another zone. */
export async function pinServer(deps: ApiDeps, { id, availabilityZone }: Instance, zone: string | null): Promise<void> {
  const now = (await requestSpecOf(deps.stores, id))?.availabilityZone ?? null;
  if (zone === now) return;
  if (zone !== null && now !== null) throw conflict(`Instance ${id} is pinned to availability zone '${now}': unpin it first.`);
  if (zone !== null && zone !== availabilityZone)
    throw conflict(`Instance ${id} is in availability zone '${availabilityZone ?? ''}': it can be pinned to no other.`);
  await updateRequestSpec(deps.stores, id, { availabilityZone: zone });
}
