import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { KilonovaError, notFound } from '../errors.ts';
import type { Answer } from './fault-format.ts';
import { HttpError } from './http-error.ts';

/** Longer messages repeat what a client sent, to no one's use. */
const longest = 2048;
const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest)}…`);

/** Anything thrown, as services word it: what the HTTP framework refuses is one of our errors, and no message floods an answer. */
export function presentable(error: unknown): unknown {
  if (error instanceof HttpError)
    return error.message.length <= longest ? error : new HttpError(error.status, cut(error.message), error.headers, error.details);
  if (error instanceof KilonovaError) {
    if (error.message.length <= longest) return error;
    return new KilonovaError(error.kind, cut(error.message), {
      cause: error,
      details: error.details,
      ...(error.code === undefined ? {} : { code: error.code }),
    });
  }
  if (!(error instanceof Error && 'statusCode' in error && 'code' in error && String(error.code).startsWith('FST_ERR_'))) return error;
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return notFound('The resource could not be found.');
  if (error.code === 'FST_ERR_BAD_URL') return new HttpError(400, 'The path is not a valid URL.');
  const status = Number(error.statusCode);
  return status >= 400 && status < 500 ? new HttpError(status, STATUS_CODES[status] ?? 'Bad Request') : error;
}

/** The refusal of what is not even a request, by the code of Node's error. */
export function refusalOfUnreadable(error: Error & { readonly code?: string }): HttpError {
  if (error.code === 'HPE_HEADER_OVERFLOW') return new HttpError(431, 'The headers of the request are too large.');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpError(408, 'The request did not come in time.');
  if (error.code === 'HPE_INVALID_CONTENT_LENGTH')
    return new HttpError(400, 'The request is not valid HTTP: content-length header must be an integer.');
  return new HttpError(400, 'The request is not valid HTTP.');
}

/** Answers on a connection that has no request, and closes it. */
export function answerRaw(socket: Socket, { status, body, headers }: Answer): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
  const lines = Object.entries({
    'content-type': 'application/json',
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  );
}
