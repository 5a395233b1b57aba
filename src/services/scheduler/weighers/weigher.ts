import type { Settings } from '../../../config/index.ts';
import type { Placing } from '../filters/filter.ts';
import type { HostState } from '../host-state.ts';

/** One reason to prefer a host, under Nova's name. */
export interface HostWeigher {
  readonly name: string;
  /** What its normalised value is multiplied with, as configured. */
  readonly multiplier: (settings: Settings) => number;
  /** Key of aggregate metadata whose number takes the place of the configured one. */
  readonly aggregateKey: string;
  /** -1 where a high multiplier is to count against a host. */
  readonly sign?: -1;
  readonly weigh: (host: HostState, placing: Placing) => number;
  /** The least value normalisation counts from, where it is not that of the hosts at hand; values below count as it. */
  readonly least?: number;
  /** Whether it can tell hosts apart for what is being placed; not asked otherwise. */
  readonly concerns?: (placing: Placing) => boolean;
}
