import type { IncomingMessage } from 'node:http';
import type { Settings } from '../../config/index.ts';
import type { ConsoleSession } from '../../contracts/consoles.ts';
import { isKind } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { ConsoleClient } from './console-client.ts';
import { reasonAgainstOrigin } from './origin.ts';
import { tokenOfRequest } from './token-of-request.ts';

/** Why a console is not opened: for viewers that read statuses, and as a code and words for those that are told after the handshake. */
export interface Refusal {
  readonly status: 401 | 403 | 409 | 502 | 503;
  readonly code: 4401 | 4403 | 4409 | 1011 | 1013;
  readonly reason: string;
}

interface FindSessionDeps {
  readonly consoles: Pick<ConsoleClient, 'open'>;
  /** What this proxy is for; tokens of other consoles are nobody's here. */
  readonly types: readonly string[];
  readonly settings: Pick<Settings, 'console'>;
  readonly log: Log;
}

/** The console a viewer may open: its token must be good and the page it comes from one of ours. */
export async function findSession(
  { consoles, types, settings, log }: FindSessionDeps,
  request: IncomingMessage,
): Promise<ConsoleSession | Refusal> {
  const token = tokenOfRequest({ url: request.url ?? '', cookie: request.headers.cookie });
  if (token === null) return { status: 401, code: 4401, reason: 'A console is opened with a token, and there is none.' };
  try {
    const session = await consoles.open(token);
    if (!types.includes(session.consoleType))
      return { status: 401, code: 4401, reason: `The token is for a ${session.consoleType} console.` };
    const { origin, host } = request.headers;
    const reason = reasonAgainstOrigin({ origin, host, allowed: settings.console.allowed_origins, accessUrlBase: session.accessUrlBase });
    return reason === null ? session : { status: 403, code: 4403, reason };
  } catch (error) {
    if (isKind(error, 'notFound', 'invalid')) return { status: 401, code: 4401, reason: error.message };
    log.warn({ err: error }, 'the Compute API does not say which console a token opens');
    return { status: 503, code: 1013, reason: 'The Compute API does not answer.' };
  }
}
