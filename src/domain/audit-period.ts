import { invalid } from '../lib/errors.ts';

/** A span of time in milliseconds since the epoch: `end` is the next period's `begin`. */
export interface AuditPeriod {
  readonly begin: number;
  readonly end: number;
}

const form = /^(hour|day|month|year)(?:@(\d{1,2}))?$/;

/**
 * The last period that ended before `now`. `unit` is hour, day, month or year; `day@18` begins at 18:00, `month@15` on the 15th, `year@3` in
 * March. All in UTC.
 */
export function lastAuditPeriod(unit: string, now: number): AuditPeriod {
  const [, kind, given] = form.exec(unit) ?? [];
  if (kind === undefined) throw invalid(`'${unit}' is no audit period: it must be hour, day, month or year, with an offset after @.`);
  const at = new Date(now);
  const [year, month, day, hour] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours()];
  const offset = Number(given ?? 0);
  /** The beginning of the period that is so many later than the one of `now`. */
  const beginOf = (later: number): number => {
    if (kind === 'year') return Date.UTC(year + later, Math.max(offset, 1) - 1);
    if (kind === 'month') return Date.UTC(year, month + later, Math.max(offset, 1));
    if (kind === 'day') return Date.UTC(year, month, day + later, offset);
    return Date.UTC(year, month, day, hour + later, offset);
  };
  const last = beginOf(0) < now ? 0 : -1;
  return { begin: beginOf(last - 1), end: beginOf(last) };
}
