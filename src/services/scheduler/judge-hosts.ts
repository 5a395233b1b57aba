import type { PlacementRefusal } from '../../domain/request-spec.ts';
import type { HostFilter, Placing, Verdict } from './filters/filter.ts';
import type { HostState } from './host-state.ts';

export interface Judgement {
  readonly accepted: readonly HostState[];
  /** Each host is counted once, for the first filter that refuses it. */
  readonly reasons: PlacementRefusal['reasons'];
}

/** The hosts that pass every filter, and why the others do not. `again` leaves out filters whose answer the first server of the request has had. */
export function judgeHosts(hosts: readonly HostState[], placing: Placing, filters: readonly HostFilter[], again: boolean): Judgement {
  const asked = filters.filter(({ once, concerns }) => !(again && once === true) && concerns?.(placing) !== false);
  const { ignoreHosts } = placing.spec;
  const ignored = ignoreHosts.length === 0 ? null : new Set(ignoreHosts);
  const accepted: HostState[] = [];
  const counts = new Map<string, { count: number; readonly example: string }>();
  const note = (constraint: string, example: string): void => {
    const entry = counts.get(constraint) ?? { count: 0, example };
    entry.count++;
    counts.set(constraint, entry);
  };
  for (const host of hosts) {
    if (ignored?.has(host.host) === true) {
      note('excluded from this operation', 'it was tried before');
      continue;
    }
    const refused = firstRefusal(host, placing, asked);
    if (refused === null) accepted.push(host);
    else note(refused.constraint, refused.because);
  }
  const reasons = [...counts].map(([constraint, entry]) => ({ constraint, ...entry })).toSorted((a, b) => b.count - a.count);
  return { accepted, reasons };
}

function firstRefusal(host: HostState, placing: Placing, filters: readonly HostFilter[]): Verdict {
  for (const filter of filters) {
    const verdict = filter.check(host, placing);
    if (verdict !== null) return verdict;
  }
  return null;
}
