import { STATUS_CODES } from 'node:http';
import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { faultKey, statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';
import { quote } from '../../lib/http/validation.ts';
import { isUnstorable } from '../../lib/sql/database.ts';

function fault(status: number, message: string, headers: Answer['headers'] = {}): Answer {
  const retry = status === 413 ? { retryAfter: '0' } : {};
  return {
    status,
    body: { [faultKey(status)]: { code: status, message, ...retry } },
    headers: { ...(status === 413 ? { 'retry-after': '0' } : {}), ...headers },
  };
}

/** Cinder words a quota as 413; all else is as usual. */
const statusOfKind = (kind: KilonovaError['kind']): number => (kind === 'quota' ? 413 : statusOf[kind]);

/** The wording of Cinder's refusals. `identityUrl` is what a 401 points to. */
export const volumeFaults = (identityUrl: string): FaultFormat => ({
  fault(error) {
    if (error instanceof HttpError) return fault(error.status, error.message, error.headers);
    if (error instanceof KilonovaError && error.kind === 'unauthenticated') {
      return {
        status: 401,
        body: { error: { code: 401, title: 'Unauthorized', message: error.message } },
        headers: { 'www-authenticate': `Keystone uri="${identityUrl}"` },
      };
    }
    if (error instanceof KilonovaError && error.kind !== 'internal') return fault(statusOfKind(error.kind), error.message);
    if (isUnstorable(error)) return fault(400, 'The request contains text that cannot be stored.');
    return fault(500, 'The server has either erred or is incapable of performing the requested operation.');
  },
  unmatched: () => ({
    status: 404,
    body: { message: 'The resource could not be found.', code: '404 Not Found', title: STATUS_CODES[404] },
  }),
  invalidInput({ path, value, text }, where) {
    const field = path.at(-1);
    if (field === undefined) return text;
    const place = where === 'query' ? `query parameters ${field}` : `field/attribute ${field}`;
    return `Invalid input for ${place}. Value: ${typeof value === 'string' ? value.slice(0, 512) : quote(value)}. ${text}`;
  },
});
