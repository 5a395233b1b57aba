import type { ProviderView } from '../../../domain/placement/provider-view.ts';
import type { HostTable } from './host-table.ts';
import type { Shape } from './shape.ts';

/** Room to work in, the same for all decisions: each is made without waiting, and its results are copied before the next. */
const room = { slots: new Int32Array(1024), weights: new Float64Array(1024), values: new Float64Array(1024) };

function roomFor(count: number): typeof room {
  if (room.slots.length < count) {
    room.slots = new Int32Array(count * 2);
    room.weights = new Float64Array(count * 2);
    room.values = new Float64Array(count * 2);
  }
  return room;
}

/** Hosts that do for a request, in the order placement offers them. */
export interface Offer {
  readonly slots: Int32Array;
  readonly count: number;
}

/** The hosts that have room and pass the filters, among the first `limit` that have room. */
export function offeredSlots(view: ProviderView, table: HostTable, shape: Shape): Offer {
  const { slots, limit, demands, passes } = shape;
  const most = Math.min(limit, slots.length);
  const { slots: found } = roomFor(most);
  const columns = demands.map(({ resourceClass, amount }) => ({ column: view.column(resourceClass), amount }));
  if (columns.some(({ column }) => column === undefined)) return { slots: found, count: 0 };
  let [offered, count] = [0, 0];
  for (let at = 0; at < slots.length && offered < limit; at++) {
    const slot = slots[at]!;
    let fits = true;
    for (let n = 0; fits && n < columns.length; n++) {
      const { column, amount } = columns[n]!;
      fits = column!.fits(slot, amount);
    }
    if (!fits) continue;
    offered++;
    if (table.states[slot] !== undefined && passes(slot)) found[count++] = slot;
  }
  return { slots: found, count };
}

/** The weights of hosts, each weigher normalised over all of them but `without`, as `weighers/weigh.ts` has them; that one weighs -Infinity. */
export function weightsOf(view: ProviderView, table: HostTable, { slots, count }: Offer, without = -1): Float64Array {
  const weights = room.weights.subarray(0, count).fill(0);
  const others = without < 0 ? count : count - 1;
  if (without >= 0) weights[without] = -Infinity;
  if (others < 2) return weights;
  const { values } = room;
  for (const { multiplier, least: fixed, of } of table.weights) {
    let least = Infinity;
    let most = -Infinity;
    const isColumn = of instanceof Float64Array;
    const column = isColumn ? undefined : view.column(of.resourceClass);
    for (let at = 0; at < count; at++) {
      if (at === without) continue;
      const slot = slots[at]!;
      let value = 0;
      if (isColumn) value = of[slot]!;
      else if (column !== undefined && (column.maxUnit[slot] ?? 0) > 0)
        value = (Math.trunc(column.capacity[slot]!) - column.used[slot]!) * of.scale;
      if (value < fixed) value = fixed;
      values[at] = value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (fixed !== -Infinity) least = fixed;
    if (most === least) continue;
    const factor = multiplier;
    const span = most - least;
    for (let at = 0; at < count; at++) weights[at]! += ((values[at]! - least) / span) * factor;
  }
  if (without >= 0) weights[without] = -Infinity;
  return weights;
}

/** The places of the greatest weights, best first and the first of several; none of weight -Infinity, nor of those that are not accepted. */
export function bestPlaces(weights: Float64Array, most: number, accepts: (place: number) => boolean = () => true): readonly number[] {
  const best: number[] = [];
  let least = -Infinity;
  for (let place = 0; place < weights.length; place++) {
    const weight = weights[place]!;
    if (weight <= least || !accepts(place)) continue;
    let at = best.length;
    while (at > 0 && weights[best[at - 1]!]! < weight) at--;
    best.splice(at, 0, place);
    if (best.length > most) best.pop();
    if (best.length === most) least = weights[best[most - 1]!]!;
  }
  return best;
}
