import type { Random } from './random.ts';

/** How badly things go: probabilities, for each message or step. */
export interface Weather {
  lost: number;
  repeated: number;
  /** A call to another service that does not arrive, and one that does and whose answer is not heard. */
  unreachable: number;
  unheard: number;
  /** Of a message. */
  delayMs(random: Random): number;
  /** Of a request over a connection: what has not come soon never does. */
  requestMs(random: Random): number;
}

/** Of this many messages one is slow, and of that many one is late: it comes when nobody waits for it any more. */
const slow = 1 / 30;
const late = 1 / 150;

export function weather(random: Random): Weather {
  // some clouds have good days
  const badness = random.pick([0, 0.3, 1, 1, 2]);
  const state: Weather = {
    lost: 0.01 * badness,
    repeated: 0.015 * badness,
    unreachable: 0.003 * badness,
    unheard: 0.003 * badness,
    delayMs(draw) {
      const kind = state.lost === 0 ? 1 : draw.next() / Math.max(badness, 0.1);
      if (kind < late) return draw.between(2_000, 40_000);
      if (kind < slow) return draw.between(20, 2_000);
      return draw.between(0, 6);
    },
    requestMs: (draw) => (state.lost > 0 && draw.chance(slow) ? draw.between(20, 2_000) : draw.between(0, 6)),
  };
  return state;
}

/** Nothing goes wrong any more. */
export function calmDown(state: Weather): void {
  Object.assign(state, { lost: 0, repeated: 0, unreachable: 0, unheard: 0 });
}
