import { messageOf } from '../../lib/errors.ts';
import { missing, type Check, type Result } from './check.ts';
import { checks } from './checks.ts';
import { removeLeftovers } from './in-namespace.ts';
import { table } from './table.ts';
import { verdictOf } from './verdict.ts';

export interface DoctorOptions {
  /** For programs: one JSON document instead of a table. */
  readonly json: boolean;
  readonly write: (text: string) => void;
}

/** Milliseconds after which a check that does not end counts as failed. */
const patienceMs = 30_000;

/** Says what this machine can do and what is missing. Answers 0 when `up` can run real guests, 1 when it can run fake clouds only, 2 when neither. */
export async function doctor({ json, write }: DoctorOptions): Promise<number> {
  await removeLeftovers();
  const results = await Promise.all(checks.map(look));
  const verdict = verdictOf(results);
  write(json ? `${JSON.stringify({ verdict, checks: results }, null, 2)}\n` : table(results, verdict));
  return verdict.exitCode;
}

async function look(check: Check): Promise<Result> {
  const { id, about, neededFor } = check;
  try {
    return { id, about, neededFor, ...(await check.look(AbortSignal.timeout(patienceMs))) };
  } catch (error) {
    return {
      id,
      about,
      neededFor,
      ...missing(`cannot be found out: ${messageOf(error)}`, 'Run it again; if it stays so, tell us what it says.'),
    };
  }
}
