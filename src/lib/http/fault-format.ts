import type { IncomingHttpHeaders } from 'node:http';
import { gone, type KilonovaError } from '../errors.ts';
import type { Version } from './microversion.ts';
import type { Issue } from './validation.ts';

/** What an answer is made of. A string or bytes go out as they are, anything else as JSON. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** How one service words its refusals. */
export interface FaultFormat {
  /** The answer for anything thrown; it must not show more of an unexpected error than its class. */
  fault(error: unknown, request: { readonly accept: string; readonly requestId: string; readonly version: Version | null }): Answer;
  /** The answer for a path or method that nobody serves. */
  unmatched(request: {
    readonly accept: string;
    readonly method: string;
    readonly path: string;
    readonly authority: string;
    /** What links begin with. */
    readonly baseUrl: string;
    readonly requestId: string;
    readonly headers: IncomingHttpHeaders;
  }): Answer;
  /** The message of a body or a query that does not fit its schema. */
  invalidInput(issue: Issue, where: 'body' | 'query'): string;
  readonly policyRefusal?: (rule: string) => string;
  /** The refusal of a body whose content type is not one of `bodyTypes`; with one, a route that takes JSON insists on the header (null when it is missing). */
  readonly unsupportedType?: (type: string | null, bodyLength: number | undefined) => Error;
  /** The message of a body that is no JSON. */
  readonly malformedBody?: string;
}

const faultKeys: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

/** The key that a refusal of this status stands under in Nova's envelope, which Cinder has inherited. */
export const faultKey = (status: number): string => faultKeys[status] ?? 'computeFault';

/** The usual status of each kind of error; a service's fault format may choose others. */
export const statusOf: Readonly<Record<KilonovaError['kind'], number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  quota: 403,
  notFound: 404,
  conflict: 409,
  gone: 410,
  unsupported: 400,
  unavailable: 503,
  internal: 500,
};

/** The refusal of what an API has withdrawn for good, at whatever version it is asked for. */
export const goneForGood = (): KilonovaError => gone('This resource is no longer available.  No forwarding address is given.');
