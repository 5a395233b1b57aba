import { Client, type QueryResult } from 'pg';
import { awayInOurWords } from './database-away.ts';

/** A statement is prepared when it comes for the third time, and so many at most: lists of changing length make statements without end. */
const preparedFrom = 3;
const mostStatements = 400;
/** Longer ones are lists, most of the time. */
const mostCharacters = 8_000;

/** Statements by text: how often they came, and the name they have once they are prepared. */
const seen = new Map<string, { times: number; readonly name: string }>();
/** Grows when the plans of all connections are no longer worth anything. */
let generation = 0;

function nameOf(text: string): string | undefined {
  if (text.length > mostCharacters) return undefined;
  const known = seen.get(text);
  if (known === undefined) {
    if (seen.size < mostStatements) seen.set(text, { times: 1, name: `s${seen.size}` });
    return undefined;
  }
  return ++known.times < preparedFrom ? undefined : `${known.name}.${generation}`;
}

/**
 * A connection that has the server parse and plan a statement once, however often it comes. A plan knows the columns of its result, so
 * statements are prepared anew after a migration under a running process.
 */
export class PreparingClient extends Client {
  /** Of the ten ways to call it only Kysely's, with text and values, is prepared; the others go through as they are. */
  override query(...args: unknown[]): Promise<QueryResult> {
    const [text, values] = args;
    if (typeof text !== 'string' || !Array.isArray(values) || values.length === 0 || args.length > 2)
      return told(super.query(...(args as [string])));
    const name = nameOf(text);
    if (name === undefined) return told(super.query(text, values));
    return told(
      super.query({ name, text, values }).catch((error: unknown) => {
        if (isStalePlan(error)) generation++;
        throw error;
      }),
    );
  }
}

/** A failure of the connection is told in our words. What is answered otherwise than by a promise goes through as it is. */
function told<Answer>(answer: Promise<Answer>): Promise<Answer> {
  if (!((answer as unknown) instanceof Promise)) return answer;
  return answer.catch((error: unknown) => {
    throw awayInOurWords(error);
  });
}

const isStalePlan = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '0A000' && error.message.includes('cached plan');
