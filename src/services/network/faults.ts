import { KilonovaError, messageOf, type ErrorKind } from '../../lib/errors.ts';
import type { Answer, FaultFormat } from '../../lib/http/fault-format.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { quote, type Issue } from '../../lib/http/validation.ts';
import { sqlState } from '../../lib/sql/database.ts';

/** The status and the exception's name of each kind, where an error does not name its own. */
const byKind: Readonly<Record<ErrorKind, { readonly status: number; readonly type: string }>> = {
  invalid: { status: 400, type: 'HTTPBadRequest' },
  unauthenticated: { status: 401, type: 'HTTPUnauthorized' },
  forbidden: { status: 403, type: 'PolicyNotAuthorized' },
  notFound: { status: 404, type: 'HTTPNotFound' },
  conflict: { status: 409, type: 'HTTPConflict' },
  quota: { status: 409, type: 'OverQuota' },
  gone: { status: 410, type: 'HTTPGone' },
  unsupported: { status: 400, type: 'InvalidInput' },
  unavailable: { status: 503, type: 'ServiceUnavailable' },
  internal: { status: 500, type: 'HTTPInternalServerError' },
};

const typeOfStatus: Readonly<Record<number, string>> = {
  400: 'HTTPBadRequest',
  412: 'RevisionNumberConstraintFailed',
  413: 'HTTPRequestEntityTooLarge',
  415: 'HTTPUnsupportedMediaType',
};

/** Values PostgreSQL refuses to hold: a NUL in a text or in JSON, a number beyond its column. */
const unstorable = new Set(['22021', '22P05', '22003']);

/** A row this request refers to has just gone, or one it makes is there already. */
const overtaken = new Set(['23503', '23505', '40001', '40P01']);

const neutronError = (status: number, type: string, message: string): Answer => ({
  status,
  body: { NeutronError: { type, message, detail: '' } },
});

/** Refusals as Neutron words them. */
export const networkFaults: FaultFormat = {
  fault(error) {
    if (error instanceof HttpError)
      return { ...neutronError(error.status, typeOfStatus[error.status] ?? 'HTTPClientError', error.message), headers: error.headers };
    if (error instanceof KilonovaError && error.kind === 'unauthenticated') {
      return {
        status: 401,
        body: { error: { code: 401, title: 'Unauthorized', message: error.message } },
      };
    }
    if (error instanceof KilonovaError && error.kind !== 'internal') {
      const { status, type } = byKind[error.kind];
      return neutronError(status, error.code ?? type, messageOf(error));
    }
    if (unstorable.has(sqlState(error) ?? ''))
      return neutronError(400, 'InvalidInput', 'Invalid input for operation: a value holds characters or numbers that cannot be stored.');
    if (overtaken.has(sqlState(error) ?? ''))
      return neutronError(409, 'HTTPConflict', 'Another request changed something that this one needs; try again.');
    return neutronError(500, 'HTTPInternalServerError', 'Request Failed: internal server error while processing your request.');
  },
  unmatched: () => neutronError(404, 'HTTPNotFound', 'The resource could not be found.'),
  invalidInput(issue) {
    const keys = issue.path.filter((key) => !/^\d+$/.test(key));
    if (issue.keyword === 'required' && keys.length <= 1) {
      const missing = /^'(.*)' is a required property$/.exec(issue.text)?.[1] ?? '';
      return keys.length === 0
        ? `Unable to find '${missing}' in request body`
        : `Failed to parse request. Required attribute '${missing}' not specified`;
    }
    if (issue.keyword === 'additionalProperties' && keys.length <= 1) return `Unrecognized attribute(s) '${unexpected(issue)}'`;
    const attribute = keys.slice(1).join('.') || (keys[0] ?? 'body');
    return `Invalid input for ${attribute}. Reason: ${issue.text}.`;
  },
  policyRefusal: (rule) => `rule:${rule} is disallowed by policy`,
};

const unexpected = (issue: Issue): string =>
  [...issue.text.matchAll(/'([^']*)'/g)].map((match) => match[1] ?? '').join(', ') || quote(issue.value);
