import { HttpError } from '../../../lib/http/http-error.ts';

/** One change of an image: a top-level name, as all that images have. */
export interface Change {
  readonly op: 'add' | 'replace' | 'remove';
  readonly name: string;
  readonly value: unknown;
}

const v21 = 'application/openstack-images-v2.1-json-patch';
const v20 = 'application/openstack-images-v2.0-json-patch';

/** Bodies of PATCH, by content type: version 2.1 says `op` and `path`, version 2.0 has the path under the operation's name. */
export function readPatch(contentType: string, body: unknown): Change[] {
  if (contentType !== v21 && contentType !== v20) {
    throw new HttpError(415, `The Content-Type of a PATCH must be ${v21} or ${v20}.`, { 'accept-patch': `${v21}, ${v20}` });
  }
  if (!Array.isArray(body)) throw bad('Request body must be a JSON array of operation objects.');
  return body.map((operation: unknown) => {
    if (typeof operation !== 'object' || operation === null || Array.isArray(operation)) throw bad('Operations must be JSON objects.');
    return contentType === v21 ? readOperation(operation) : readOldOperation(operation);
  });
}

const operations = ['add', 'replace', 'remove'] as const;

function readOperation(operation: object): Change {
  const { op, path } = operation as { op?: unknown; path?: unknown };
  const known = operations.find((each) => each === op);
  if (known === undefined) throw bad(`Unable to find 'op' in JSON Schema change: it must be one of ${operations.join(', ')}.`);
  if (path === undefined) throw bad("Unable to find 'path' in JSON Schema change");
  return { op: known, name: nameIn(path), value: valueOf(known, operation) };
}

function readOldOperation(operation: object): Change {
  const named = operations.filter((op) => Object.hasOwn(operation, op));
  const [op] = named;
  if (op === undefined || named.length !== 1)
    throw bad(`Operation objects must contain exactly one member out of ${operations.join(', ')}.`);
  return { op, name: nameIn(Object.entries(operation).find(([key]) => key === op)?.[1]), value: valueOf(op, operation) };
}

function valueOf(op: Change['op'], operation: object): unknown {
  if (op === 'remove') return undefined;
  if (!Object.hasOwn(operation, 'value')) throw bad(`Operation "${op}" requires a member named "value".`);
  return (operation as { value?: unknown }).value;
}

/** The one name a JSON pointer of ours has. */
function nameIn(pointer: unknown): string {
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) throw bad(`Pointer \`${String(pointer)}\` does not start with "/".`);
  const parts = pointer.slice(1).split('/');
  const [first = ''] = parts;
  if (parts.length !== 1 || first === '') throw bad(`Invalid JSON pointer for this resource: '${pointer}'`);
  if (/~(?![01])/.test(first)) throw bad(`Pointer \`${pointer}\` contains "~" not part of a recognized escape sequence.`);
  return first.replaceAll('~1', '/').replaceAll('~0', '~');
}

const bad = (message: string): HttpError => new HttpError(400, message);
