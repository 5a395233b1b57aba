import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Answer } from './fault-format.ts';
import { Reply, type RequestContext, type RouteReply } from './route.ts';

/** What a handler gave, as its route says it is answered. */
export function toAnswer(result: unknown, reply: RouteReply<unknown>, ctx: RequestContext): Answer {
  if (result instanceof Reply)
    return { status: result.status, headers: result.headers, ...(result.body === undefined ? {} : { body: result.body }) };
  const shown = reply.view === undefined ? result : reply.view.render(result, ctx);
  if (shown === undefined) return { status: reply.status };
  return { status: reply.status, body: reply.key === undefined ? shown : { [reply.key]: shown } };
}

/** Sends an answer. */
export async function send(reply: FastifyReply, { status, body, headers }: Answer): Promise<FastifyReply> {
  void reply.code(status);
  for (const [name, value] of Object.entries(headers ?? {})) void reply.header(name, value);
  if (body === undefined) return reply.send();
  if (typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable) return reply.send(body);
  if (!reply.hasHeader('content-type')) void reply.header('content-type', 'application/json');
  return reply.send(Buffer.from(JSON.stringify(body))); // as bytes, so that no charset is added to the type that OpenStack answers with
}
