import { STATUS_CODES } from 'node:http';
import { KilonovaError } from '../../lib/errors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { version, versionHeaders, type Version } from '../../lib/http/microversion.ts';
import type { AnyRoute } from '../../lib/http/route.ts';
import { statusOf, type Answer, type FaultFormat } from '../../lib/http/fault-format.ts';
import { quote, type Issue } from '../../lib/http/validation.ts';
import { does, microversions, versionAskedFor } from './microversions.ts';
import { uuidPattern } from './schemas.ts';

interface Request {
  readonly accept: string;
  readonly requestId: string;
  readonly version: Version | null;
}

/** The error envelope of the API working group's guideline; pages for who accepts no JSON. */
function envelope(
  request: Request,
  status: number,
  detail: string,
  code: string | undefined,
  facts: Readonly<Record<string, unknown>> = {},
): Answer['body'] {
  const title = STATUS_CODES[status] ?? 'Error';
  const coded = request.version !== null && does({ version: request.version }, 'errorCodes');
  return {
    errors: [
      { status, title, detail, request_id: request.requestId, ...(coded ? { code: code ?? 'placement.undefined_code' } : {}), ...facts },
    ],
  };
}

const acceptsJson = (accept: string): boolean => accept === '' || /application\/(json|\*)|\*\/\*/.test(accept);

function answer(
  request: Request,
  status: number,
  detail: string,
  more: { code?: string | undefined; facts?: Readonly<Record<string, unknown>>; headers?: Answer['headers'] } = {},
): Answer {
  const headers = more.headers ?? {};
  if (acceptsJson(request.accept)) return { status, headers, body: envelope(request, status, detail, more.code, more.facts) };
  const title = STATUS_CODES[status] ?? 'Error';
  if (!request.accept.includes('text/html'))
    return { status, headers: { ...headers, 'content-type': 'text/plain; charset=UTF-8' }, body: `${status} ${title}\n\n${detail}\n` };
  const escaped = detail.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return {
    status,
    headers: { ...headers, 'content-type': 'text/html; charset=UTF-8' },
    body: `<html><title>${status} ${title}</title><h1>${title}</h1><p>${escaped}</p></html>\n`,
  };
}

/** Objects whose keys follow a pattern. */
const patterned = new Set(['allocations', 'resources', 'inventories', 'mappings']);

function wordIssue(issue: Issue): string {
  const { path, value, keyword, text } = issue;
  if (keyword === 'pattern' && text.endsWith(quote(uuidPattern)))
    return `${quote(value)} is not a 'uuid'\n\nFailed validating 'format' in ${place(path)}`;
  if (keyword === 'additionalProperties' && patterned.has(path.at(-1) ?? ''))
    return `${text.replace(/^.*\((.*) (was|were) unexpected\)$/, '$1')} does not match any of the regexes`;
  return `${text}\n\nFailed validating '${keyword}' in ${place(path)}`;
}

const place = (path: readonly string[]): string => `schema${path.map((key) => `['properties'][${quote(key)}]`).join('')}`;

/** How placement words its refusals. `routes` tell which methods a path has. */
export function createFaults<Deps>(routes: readonly AnyRoute<Deps>[]): FaultFormat {
  const paths = [...Map.groupBy(routes, ({ path }) => path)].map(([path, served]) => ({
    pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, '[^/]+')}$`),
    methods: [...new Set(served.map(({ method }) => method))],
  }));
  return {
    fault(error, request) {
      if (error instanceof HttpError) {
        const { code, ...facts } = error.details;
        return answer(request, error.status, error.message, {
          headers: error.headers,
          facts,
          ...(typeof code === 'string' ? { code } : {}),
        });
      }
      if (error instanceof KilonovaError && error.kind !== 'internal')
        return answer(request, statusOf[error.kind], error.message, { code: error.code });
      return answer(request, 500, 'An unexpected error prevented the server from fulfilling your request.');
    },
    unmatched({ accept, requestId, method, path, headers }) {
      const asked = versionAskedFor(headers['openstack-api-version']);
      const request = { accept, requestId, version: version(asked) };
      const known = paths.find(({ pattern }) => pattern.test(path));
      const standard = versionHeaders(microversions, asked);
      if (known === undefined) return answer(request, 404, 'The resource could not be found.', { headers: standard });
      return answer(request, 405, `The method ${method} is not allowed for this resource.`, {
        headers: { ...standard, allow: known.methods.join(', ') },
      });
    },
    invalidInput(issue, where) {
      if (where === 'query') return `Invalid query string parameters: ${wordIssue(issue)}`;
      if (issue.path.length === 0 && issue.value === null) return 'Malformed JSON: there is no body.';
      return `JSON does not validate: ${wordIssue(issue)}`;
    },
    malformedBody: 'Malformed JSON: the body cannot be read.',
    unsupportedType: (type, length) =>
      type === null && length !== undefined && length > 0
        ? new HttpError(400, 'content-type header required when content-length > 0')
        : new HttpError(415, `The media type ${type ?? 'None'} is not supported, use application/json`),
  };
}
