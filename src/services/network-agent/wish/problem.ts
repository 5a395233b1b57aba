import type { HostReport } from '../../../contracts/network-agent.ts';
import { messageOf } from '../../../lib/errors.ts';

/** Something of a wish that could not be done, as the report tells it. */
export type Problem = HostReport['problems'][number];

/** What went wrong with one thing, with the words of the program that failed. */
export function problemOf(resource: string, id: string, error: unknown): Problem {
  const cause = error instanceof Error && error.cause instanceof Error ? ` ${error.cause.message.trim().slice(0, 400)}` : '';
  return { resource, id, message: `${messageOf(error)}${cause}` };
}
