import type { Static } from 'typebox';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { does } from '../../microversions.ts';
import type { InventoryRecord } from '../../schemas.ts';
import type { StoredInventory } from '../../store/inventories.ts';

const greatest = 2_147_483_647;

/** An inventory with everything a client may leave out; refuses one that reserves more than there is. */
export function completeInventory(
  given: Static<typeof InventoryRecord>,
  refuse: (why: string) => Error,
  at: Pick<RequestContext, 'version'>,
): StoredInventory {
  const { total, reserved = 0, min_unit = 1, max_unit = greatest, step_size = 1, allocation_ratio = 1 } = given;
  const full = does(at, 'allOfItReserved');
  if (full ? reserved > total : reserved >= total)
    throw refuse(`reserved value ${reserved} is greater than ${full ? '' : 'or equal to '}total ${total}.`);
  return { total, reserved, min_unit, max_unit, step_size, allocation_ratio };
}
