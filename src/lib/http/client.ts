import type { Readable } from 'node:stream';
import { Agent, request as send, type Dispatcher } from 'undici';
import { KilonovaError, unavailable, type ErrorKind } from '../errors.ts';

export interface HttpRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly stream?: Readable | Buffer;
  readonly signal?: AbortSignal;
  /** From the first byte sent to the headers of the answer, and between two chunks of it. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable & Dispatcher.ResponseData['body'];
}

export interface JsonAnswer<T> {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  readonly json: T;
}

/** Requests to one other service, over connections that are kept open. */
export interface HttpClient {
  /** The answer whatever its status; `service is unavailable` when none comes. The caller reads or dumps the body. */
  raw(request: HttpRequest): Promise<HttpAnswer>;
  /** The JSON of a 2xx answer; any other status is thrown as an error of the matching kind with the service's own message. */
  json<T>(request: HttpRequest): Promise<JsonAnswer<T>>;
  close(): Promise<void>;
}

const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'notFound',
  406: 'invalid',
  409: 'conflict',
  410: 'gone',
  413: 'quota',
  414: 'invalid',
  415: 'invalid',
  416: 'invalid',
  422: 'invalid',
  429: 'quota',
  431: 'invalid',
  501: 'unsupported',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

/** Whether an answer that came is an error of the other service, told by its status. */
export const errorOfStatus = (service: string, status: number, text: string): KilonovaError =>
  new KilonovaError(
    kindOfStatus[status] ?? (status >= 500 ? 'unavailable' : 'internal'),
    messageIn(text) ?? `The ${service} service answered ${status}.`,
    {
      details: { service, status },
      ...codeIn(text),
    },
  );

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The sentence in any of OpenStack's error envelopes: `{error: {message}}`, `{itemNotFound: {message}}`, `{NeutronError: …}`, `{errors: [{detail}]}`. */
function messageIn(text: string): string | null {
  const body = parsed(text);
  if (typeof body !== 'object' || body === null) return null;
  for (const value of [body, ...Object.values(body)]) {
    const [first]: unknown[] = Array.isArray(value) ? value : [value];
    if (typeof first !== 'object' || first === null) continue;
    const { message, detail } = first as { message?: unknown; detail?: unknown };
    if (typeof message === 'string') return message;
    if (typeof detail === 'string') return detail;
  }
  return null;
}

function codeIn(text: string): { readonly code?: string } {
  const errors = (parsed(text) as { errors?: { code?: unknown }[] } | null)?.errors;
  const code = Array.isArray(errors) ? errors[0]?.code : undefined;
  return typeof code === 'string' ? { code } : {};
}

/** A client for the service that messages call `service`. */
export function createHttpClient(options: { readonly service: string; readonly connections?: number }): HttpClient {
  const agent = new Agent({ connections: options.connections ?? 32, keepAliveTimeout: 60_000, pipelining: 1 });
  const raw = async ({ method = 'GET', url, headers = {}, json, stream, signal, timeoutMs = 30_000 }: HttpRequest): Promise<HttpAnswer> => {
    const body = stream ?? (json === undefined ? undefined : JSON.stringify(json));
    try {
      const answer = await send(url, {
        dispatcher: agent,
        method,
        headers: { accept: 'application/json', ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw unavailable(`The ${options.service} service does not answer.`, { cause: error, details: { service: options.service } });
    }
  };
  return {
    raw,
    async json<T>(request: HttpRequest): Promise<JsonAnswer<T>> {
      const { status, headers, body } = await raw(request);
      const text = await body.text();
      if (status < 200 || status >= 300) throw errorOfStatus(options.service, status, text);
      return { status, headers, json: (text === '' ? undefined : JSON.parse(text)) as T };
    },
    close: () => agent.close(),
  };
}
