import type { Readable } from 'node:stream';
import { HttpError } from './http-error.ts';
import { refuseUnstorableJson } from './storable.ts';

/** Deeper JSON than any API of ours has; refused before a recursive reader meets it. */
const maxDepth = 100;

/** How long a body that is read whole may take to come. */
const patienceMs = 60_000;

/** Reads a body whole, refusing it as soon as it is larger than `limit` bytes, or when it does not come in time. */
export async function readBody(stream: Readable, limit: number, declared: number | undefined, withinMs = patienceMs): Promise<Buffer> {
  if (declared !== undefined && declared > limit) throw tooLarge();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new HttpError(408, 'The request did not come in time.', { connection: 'close' })), withinMs);
  try {
    return await Promise.race([collect(stream, limit), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function collect(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // a refused request must stay open for its answer
  const parts: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
  for await (const chunk of parts) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

const tooLarge = (): HttpError => new HttpError(413, 'Request is too large.', { connection: 'close' });

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The value a JSON body holds; undefined for an empty one. Throws 400 for anything malformed, invalid UTF-8, absurd depth and text that cannot be stored included. */
export function parseJson(body: Buffer, malformedText = 'Malformed request body'): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw malformed(malformedText);
  }
  if (nestsTooDeep(text)) throw malformed(malformedText);
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch {
    throw malformed(malformedText);
  }
  refuseUnstorableJson(value, text);
  return value;
}

const malformed = (text: string): HttpError => new HttpError(400, text);

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return false;
}
