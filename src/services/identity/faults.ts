import { STATUS_CODES } from 'node:http';
import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { isUnstorable } from '../../lib/sql/database.ts';
import { statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';

const answer = (status: number, message: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  body: { error: { code: status, message, title: STATUS_CODES[status] ?? 'Error' } },
  headers,
});

/** Refusals as Keystone words them. */
export const identityFaults: FaultFormat = {
  fault(error) {
    if (error instanceof HttpError) return answer(error.status, error.message, error.headers);
    if (isUnstorable(error)) return answer(400, 'The request contains text that cannot be stored.');
    if (!(error instanceof KilonovaError) || error.kind === 'internal') {
      return answer(500, 'An unexpected error prevented the server from fulfilling your request.');
    }
    const status = statusOf[error.kind];
    return answer(status, error.message, status === 401 ? { 'www-authenticate': 'Keystone uri="/v3"' } : {});
  },
  unmatched: () => answer(404, 'The resource could not be found.'),
  invalidInput: ({ path, text }) => (path.length === 0 ? text : `Invalid input for field '${path.join('/')}': ${text}`),
  policyRefusal: (rule) => `You are not authorized to perform the requested action: ${rule}.`,
};
