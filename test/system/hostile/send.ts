import { connect } from 'node:net';
import { Agent } from 'undici';
import type { TestCloud } from '../../support/cloud.ts';
import type { ServiceName } from './endpoints.ts';

export interface Shot {
  readonly service: ServiceName;
  readonly method: string;
  /** As it goes over the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Hit {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

/** Longer than any honest answer takes on a busy machine: what takes longer hangs. */
const patienceMs = 20_000;

/** Sends requests exactly as they are given, several at a time. */
export function createSender(cloud: TestCloud): {
  send(shot: Shot): Promise<Hit>;
  /** The same, to a service that stands in no catalog. */
  sendTo(url: string, shot: Shot): Promise<Hit>;
  all<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void>;
  close(): Promise<void>;
} {
  const agent = new Agent({ connections: 24, pipelining: 1 });
  return {
    send: (shot) => sendTo(cloud.cloud.endpoints[shot.service] ?? '', shot),
    sendTo,
    async all(items, work) {
      const queue = items.values();
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          for (const item of queue) await work(item);
        }),
      );
    },
    close: () => agent.close(),
  };

  async function sendTo(url: string, { method, path, headers, body }: Shot): Promise<Hit> {
    const began = performance.now();
    const { statusCode, body: answer } = await agent.request({
      origin: new URL(url).origin,
      path,
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
      headersTimeout: patienceMs,
      bodyTimeout: patienceMs,
    });
    return { status: statusCode, text: await answer.text(), ms: performance.now() - began };
  }
}

type Json = Readonly<Record<string, unknown>>;
const objectOf = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** Whether a refusal is in the words of its service. */
const envelopes: Readonly<Record<ServiceName, (body: Json, status: number) => boolean>> = {
  compute(body, status) {
    const [[key, inner] = ['', null], ...more] = Object.entries(body);
    if (key === 'error') return objectOf(inner)['code'] === 401;
    // what Nova's web framework says itself
    if (typeof body['title'] === 'string') return typeof body['message'] === 'string' && String(body['code']).startsWith(`${status} `);
    return more.length === 0 && objectOf(inner)['code'] === status && typeof objectOf(inner)['message'] === 'string';
  },
  identity: (body, status) => objectOf(body['error'])['code'] === status && typeof objectOf(body['error'])['message'] === 'string',
  image: (body, status) => typeof body['message'] === 'string' && String(body['code']).startsWith(`${status} `),
  network: (body, status) =>
    status === 401
      ? objectOf(body['error'])['code'] === 401
      : typeof objectOf(body['NeutronError'])['type'] === 'string' && typeof objectOf(body['NeutronError'])['message'] === 'string',
  volumev3(body, status) {
    const [[key, inner] = ['', null], ...more] = Object.entries(body);
    if (key === 'error') return objectOf(inner)['code'] === 401;
    if (typeof body['title'] === 'string') return typeof body['message'] === 'string' && String(body['code']).startsWith(`${status} `);
    return more.length === 0 && objectOf(inner)['code'] === status && typeof objectOf(inner)['message'] === 'string';
  },
  placement(body, status) {
    const [error]: unknown[] = Array.isArray(body['errors']) ? body['errors'] : [];
    return objectOf(error)['status'] === status && typeof objectOf(error)['detail'] === 'string';
  },
};

/** What is wrong with an answer to a hostile request; null when nothing is. */
export function faultOf({ service, method }: Shot, { status, text }: Hit): string | null {
  // 501 is said on purpose, of what a cloud has no part for
  if (status >= 500 && status !== 501) return `answers ${status}`;
  if (status < 400 || method === 'HEAD') return null;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return `answers ${status} without JSON: ${text.slice(0, 100)}`;
  }
  if (!envelopes[service](objectOf(body), status)) return `answers ${status} in a form that is not its own: ${text.slice(0, 200)}`;
  return text.length > 8192 ? `answers ${status} at a length of ${text.length}` : null;
}

/** Everything a server says to these bytes, until it closes the connection or has answered. */
export async function heard(host: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(`http://${host}`);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.on('error', () => undefined); // a connection that is cut may say so in any way
  socket.on('data', (chunk) => {
    text += chunk.toString('utf8');
    if (/\r\n\r\n[^]/.test(text)) socket.end();
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}
