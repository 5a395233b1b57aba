import type { FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { HttpError } from './http-error.ts';
import { lenientSchema, readLeniently } from './lenient-body.ts';
import type { VersionedQuery } from './query.ts';
import type { AnyRoute, RequestContext } from './route.ts';
import type { ServiceSpec } from './service-spec.ts';
import { quote, validatorOf, type Issue } from './validation.ts';

const defaultBodyTypes = ['application/json', 'text/plain'];

/** Bodies and queries as handlers are given them; what does not fit its schema is refused in the words of the service. */
export interface InputReader {
  checkContentType(request: FastifyRequest, takesBody: boolean): void;
  /** A body, or the part of it at `path`. */
  body(value: unknown, schema: TSchema, path: readonly string[], ctx: RequestContext): unknown;
  /** What stands in the envelope that a route asks for. */
  envelope(json: unknown, body: Exclude<AnyRoute<never>['body'], string>, ctx: RequestContext): unknown;
  query(raw: string, query: VersionedQuery<unknown> | undefined, at: number): unknown;
}

/** The reader of one service. */
export function inputReader(spec: Pick<ServiceSpec<never>, 'faults' | 'bodyTypes' | 'refusesOtherKeys'>): InputReader {
  function checkContentType(request: FastifyRequest, takesBody: boolean): void {
    const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
    if ((spec.bodyTypes ?? defaultBodyTypes).includes(type)) return;
    if (spec.faults.unsupportedType === undefined) {
      if (type !== '') throw new HttpError(415, 'Unsupported Content-Type');
    } else if (takesBody) throw spec.faults.unsupportedType(type === '' ? null : type, lengthOf(request));
  }

  function check(
    value: unknown,
    validator: { check(value: unknown): Issue | null },
    prefix: readonly string[],
    where: 'body' | 'query',
  ): void {
    const issue = validator.check(value);
    if (issue !== null) throw new HttpError(400, spec.faults.invalidInput({ ...issue, path: [...prefix, ...issue.path] }, where));
  }

  function checkedBody(value: unknown, schema: TSchema, path: readonly string[], { legacy }: RequestContext): unknown {
    const read = legacy ? readLeniently(value, schema) : value;
    check(read, validatorOf(legacy ? lenientSchema(schema) : schema), path, 'body');
    return read;
  }

  function readEnvelope(json: unknown, body: Exclude<AnyRoute<never>['body'], string>, ctx: RequestContext): unknown {
    if (body === undefined) return undefined;
    if (json === undefined && body.optional === true) return undefined;
    if (body.key === undefined) return checkedBody(json ?? null, body.schema.schema(ctx.version), [], ctx);
    const { key } = body;
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      const issue: Issue = {
        path: [],
        value: json ?? null,
        keyword: 'type',
        text: `${json === undefined ? 'None' : JSON.stringify(json).slice(0, 200)} is not of type 'object'`,
      };
      throw new HttpError(400, spec.faults.invalidInput(issue, 'body'));
    }
    if (!Object.hasOwn(json, key)) {
      throw new HttpError(
        400,
        spec.faults.invalidInput({ path: [], value: json, keyword: 'required', text: `'${key}' is a required property` }, 'body'),
      );
    }
    const others = Object.keys(json).filter((one) => one !== key);
    if (others.length > 0 && spec.refusesOtherKeys === true && !ctx.legacy) {
      const text = `Additional properties are not allowed (${others.map((one) => quote(one)).join(', ')} ${others.length === 1 ? 'was' : 'were'} unexpected)`;
      throw new HttpError(400, spec.faults.invalidInput({ path: [], value: json, keyword: 'additionalProperties', text }, 'body'));
    }
    return checkedBody((json as Record<string, unknown>)[key], body.schema.schema(ctx.version), [key], ctx);
  }

  function readQuery(raw: string, query: VersionedQuery<unknown> | undefined, at: number): unknown {
    if (query === undefined) return Object.fromEntries(new URLSearchParams(raw));
    const known = query.known(at);
    const values: Record<string, string | string[]> = {};
    for (const [name, value] of new URLSearchParams(raw)) {
      const field = known.get(name);
      if (field === undefined) {
        if (!query.refusesUnknown(at, name)) continue;
        throw new HttpError(
          400,
          spec.faults.invalidInput(
            {
              path: [],
              value,
              keyword: 'additionalProperties',
              text: `Additional properties are not allowed (${quote(name)} was unexpected)`,
            },
            'query',
          ),
        );
      }
      check(value, validatorOf(field.type), [name], 'query');
      if (field.many === true) values[name] = [...((values[name] as string[] | undefined) ?? []), value];
      else values[name] = value;
    }
    return values;
  }

  return { checkContentType, body: checkedBody, envelope: readEnvelope, query: readQuery };
}

/** How long a body says that it is. */
export const lengthOf = (request: FastifyRequest): number | undefined => {
  const declared = request.headers['content-length'];
  return declared === undefined ? undefined : Number(declared);
};
/** A message without either header has no body (RFC 9112 §6.3). */
export const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
