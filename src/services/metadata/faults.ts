import { STATUS_CODES } from 'node:http';
import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const page = (status: number, message: string): Answer => {
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const body = `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${escaped(message)}<br /><br />\n\n\n\n </body>\n</html>`;
  return { status, body, headers: { 'content-type': 'text/html; charset=UTF-8' } };
};

const gone = 'The resource could not be found.';

/** Small HTML pages: guests look at the status only. */
export const metadataFaults: FaultFormat = {
  fault(error) {
    if (error instanceof HttpError) return error.status === 413 ? page(400, 'Request is too large.') : page(error.status, error.message);
    if (error instanceof KilonovaError && error.kind !== 'internal' && error.kind !== 'unavailable')
      return page(statusOf[error.kind], error.message);
    return page(500, 'An unknown error has occurred. Please try your request again.');
  },
  unmatched: () => page(404, gone),
  invalidInput: () => 'The request is not understood.',
};
