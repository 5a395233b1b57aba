import { STATUS_CODES } from 'node:http';
import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';

const titles: Readonly<Record<number, string>> = { 413: 'Request Entity Too Large', 416: 'Requested Range Not Satisfiable' };

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** As JSON for whoever asks for JSON, else as the small page that glanceclient reads. */
function answer({ accept }: { readonly accept: string }, status: number, message: string, headers: Answer['headers'] = {}): Answer {
  const title = titles[status] ?? STATUS_CODES[status] ?? 'Error';
  const code = `${status} ${title}`;
  if (accept.includes('json')) return { status, body: { message, code, title }, headers };
  const page = `<html>\n <head>\n  <title>${code}</title>\n </head>\n <body>\n  <h1>${code}</h1>\n  ${escaped(message)}<br /><br />\n\n\n\n </body>\n</html>`;
  return { status, body: page, headers: { ...headers, 'content-type': 'text/html; charset=UTF-8' } };
}

/** Glance words a quota as 413; all else is as usual. */
const statusOfKind = (kind: KilonovaError['kind']): number => (kind === 'quota' ? 413 : statusOf[kind]);

/** Glance's errors: `{"message", "code", "title"}`. `identityUrl` is what a 401 points to. */
export const imageFaults = (identityUrl: string): FaultFormat => ({
  fault(error, request) {
    if (error instanceof HttpError) return answer(request, error.status, error.message, error.headers);
    if (!(error instanceof KilonovaError))
      return answer(request, 500, 'The server has either erred or is incapable of performing the requested operation.');
    const challenge = error.kind === 'unauthenticated' ? { 'www-authenticate': `Keystone uri="${identityUrl}"` } : {};
    return answer(request, statusOfKind(error.kind), error.message, challenge);
  },
  unmatched: (request) => answer(request, 404, 'The resource could not be found.'),
  invalidInput: (issue) =>
    `Provided object does not match schema 'image': ${issue.text}${issue.path.length === 0 ? '' : ` (at '${issue.path.join('/')}')`}`,
  policyRefusal: (rule) => `You are not authorized to complete ${rule} action.`,
});
