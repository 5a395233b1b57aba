import { sql } from 'kysely';
import { invalid, type KilonovaError } from '../errors.ts';
import { sqlState, type Database, type Executor } from './database.ts';

/** How long a statement may be busy with a user's pattern. */
const patience = '1s';
/** How many such statements run at the same time; others wait their turn, so that they never take every connection. */
const atOnce = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** Runs a statement that a user's regular expression may keep busy: for so long at most, and few of them at a time. */
export async function patiently<Tables, Result>(
  database: Database<Tables>,
  work: (tx: Executor<Tables>) => Promise<Result>,
): Promise<Result> {
  if (running < atOnce) running++;
  else await new Promise<void>((resolve) => waiting.push(resolve)); // whoever ends hands its place over
  try {
    return await database.transaction().execute(async (tx) => {
      await sql`SELECT set_config('statement_timeout', ${patience}, true)`.execute(tx);
      return work(tx);
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

/** What to tell whoever sent a pattern that is none, or that takes too long; null for any other error. */
export function patternRefusal(error: unknown): KilonovaError | null {
  if (sqlState(error) === '2201B') return invalid('Invalid regular expression in a filter.', { cause: error }); // invalid_regular_expression
  if (sqlState(error) === '57014') return invalid('A regular expression in a filter takes too long to match.', { cause: error }); // query_canceled
  return null;
}

/** A pattern of a user longer than this is refused unread. */
export const maxPatternLength = 255;
