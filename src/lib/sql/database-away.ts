import { unavailable } from '../errors.ts';

/** PostgreSQL's codes for: it stops, it has crashed, it starts, it takes no more connections, the connection is broken. */
const states = /^(?:57P0[123]|53300|08\w{3})$/;
/** The system's codes for: nobody listens, there is no socket, the other end is gone. */
const codes = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN']);
/** What `pg` says without a code. */
const words = /^Connection terminated|not queryable|^timeout exceeded when trying to connect$/;

/** Whether an error says that the database server is not there, or went away meanwhile. What it was asked may have happened or not. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return states.test(code) || codes.has(code) || words.test(error.message);
}

/** The same error in words of ours: who waits for the database is told to ask again, everything else stays as it is. */
export const awayInOurWords = (error: unknown): unknown =>
  isAway(error) ? unavailable('The database does not answer.', { cause: error, code: 'database-away' }) : error;
