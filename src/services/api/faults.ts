import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { faultKey, statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';
import { quote } from '../../lib/http/validation.ts';
import { isUnstorable } from '../../lib/sql/database.ts';

const json = 'application/json; charset=UTF-8';
const nameRule = 'printable characters. Can not start or end with whitespace.';

export const fault = (status: number, message: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  body: { [faultKey(status)]: { code: status, message } },
  headers: { 'content-type': json, ...headers },
});

/** An answer in the style of Nova's web framework, for what never reached the API: JSON, HTML or text as the client prefers. */
function frameworkAnswer(status: number, title: string, text: string, accept: string): Answer {
  const headers = (type: string) => ({ 'content-type': `${type}; charset=UTF-8` });
  if (accept.includes('application/json'))
    return {
      status,
      headers: headers('application/json'),
      body: { message: `${text}<br /><br />\n\n\n`, code: `${status} ${title}`, title },
    };
  if (accept.includes('html') || accept.includes('*/*')) {
    return {
      status,
      headers: headers('text/html'),
      body: `<html>\n <head>\n  <title>${status} ${title}</title>\n </head>\n <body>\n  <h1>${status} ${title}</h1>\n  ${text}<br /><br />\n\n\n\n </body>\n</html>`,
    };
  }
  return { status, headers: headers('text/plain'), body: `${status} ${title}\n\n${text}\n\n\n   ` };
}

/** The wording of the Compute API's refusals. `authUrl` is what a 401 points to; `choices` answers for paths of no version. */
export const computeFaults = (authUrl: string, choices?: (baseUrl: string, path: string) => Answer): FaultFormat => ({
  fault(error, { accept }) {
    if (error instanceof HttpError) {
      if (error.status === 413)
        return {
          ...frameworkAnswer(413, 'Request Entity Too Large', error.message, accept),
          headers: { ...frameworkAnswer(413, '', '', accept).headers, ...error.headers },
        };
      return fault(error.status, error.message, error.headers);
    }
    if (error instanceof KilonovaError) {
      if (error.kind === 'unauthenticated') {
        return {
          status: 401,
          body: { error: { code: 401, title: 'Unauthorized', message: error.message } },
          headers: { 'content-type': 'application/json', 'www-authenticate': `Keystone uri="${authUrl}"` },
        };
      }
      if (error.kind !== 'internal') return fault(statusOf[error.kind], error.message);
    }
    if (isUnstorable(error)) return fault(400, 'The request contains text that cannot be stored.');
    const name = error instanceof Error ? error.name : typeof error;
    return fault(500, `Unexpected API Error. Please contact the administrator\n<class '${name}'>`);
  },
  unmatched: ({ accept, path, baseUrl }) =>
    choices === undefined || /^\/v2(\.1)?(\/|$)/.test(path)
      ? frameworkAnswer(404, 'Not Found', 'The resource could not be found.', accept)
      : choices(baseUrl, path),
  invalidInput({ path, value, keyword, text }, where) {
    const field = path.at(-1);
    if (where === 'query')
      return field === undefined ? text : `Invalid input for query parameters ${field}. Value: ${quoted(value)}. ${text}`;
    if (keyword === 'pattern' && field === 'name') return `An invalid 'name' value was provided. The name must be: ${nameRule}`;
    return field === undefined ? text : `Invalid input for field/attribute ${field}. Value: ${quoted(value)}. ${text}`;
  },
});

/** A value as the message shows it: text bare, anything else as Python prints it. */
const quoted = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 512) : quote(value));
