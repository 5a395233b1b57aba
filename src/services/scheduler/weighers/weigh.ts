import type { Placing } from '../filters/filter.ts';
import type { HostState } from '../host-state.ts';
import type { HostWeigher } from './weigher.ts';

/** The multiplier of a host: the least number its aggregates say under the weigher's key, else the configured one. */
function multiplierOf({ aggregateMetadata }: HostState, { aggregateKey }: HostWeigher, configured: number): number {
  const said = aggregateMetadata[aggregateKey];
  if (said === undefined) return configured;
  const own = said.map((text) => (text === '' ? Number.NaN : Number(text)));
  return own.every(Number.isFinite) ? Math.min(...own) : configured;
}

/** The weight of each host: values are normalised to 0–1 over all of them, and count times their multipliers. One host alone is not weighed. */
export function weightsOf(hosts: readonly HostState[], placing: Placing, weighers: readonly HostWeigher[]): Float64Array {
  const weights = new Float64Array(hosts.length);
  if (hosts.length < 2) return weights;
  const values = new Float64Array(hosts.length);
  for (const weigher of weighers) {
    if (weigher.concerns?.(placing) === false) continue;
    const { aggregateKey, weigh, sign = 1, least: fixed = -Infinity } = weigher;
    const configured = weigher.multiplier(placing.settings);
    const own = hosts.some(({ aggregateMetadata }) => aggregateMetadata[aggregateKey] !== undefined);
    if (configured === 0 && !own) continue;
    let least = Infinity;
    let most = -Infinity;
    for (let index = 0; index < hosts.length; index++) {
      const value = Math.max(weigh(hosts[index]!, placing), fixed);
      values[index] = value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (fixed !== -Infinity) least = fixed;
    if (most === least) continue;
    const span = most - least;
    for (let index = 0; index < hosts.length; index++) {
      const multiplier = own ? multiplierOf(hosts[index]!, weigher, configured) : configured;
      weights[index]! += ((values[index]! - least) / span) * multiplier * sign;
    }
  }
  return weights;
}

/** How many are found one by one before the rest is sorted: nearly always, one and its alternates are enough. */
const foundSingly = 4;

/** The hosts, best first; those of the same weight in the order they came. Only as many are ordered as are asked for. */
export function* bestFirst(hosts: readonly HostState[], weights: Float64Array): Generator<HostState, void, void> {
  const isTaken = new Uint8Array(hosts.length);
  for (let count = 0; count < Math.min(foundSingly, hosts.length); count++) {
    let best = -1;
    for (let index = 0; index < hosts.length; index++)
      if (isTaken[index] === 0 && (best < 0 || weights[index]! > weights[best]!)) best = index;
    isTaken[best] = 1;
    yield hosts[best]!;
  }
  const rest = [...hosts.keys()].filter((index) => isTaken[index] === 0).toSorted((a, b) => weights[b]! - weights[a]! || a - b);
  for (const index of rest) yield hosts[index]!;
}
