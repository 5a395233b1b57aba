import { connect, type Socket } from 'node:net';
import Type from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../log.ts';
import { createPolicy } from '../policy/policy.ts';
import { HttpError } from './http-error.ts';
import { readBody } from './json-body.ts';
import { Readable } from 'node:stream';
import { anyText, versionedQuery } from './query.ts';
import { routeFactory } from './route.ts';
import { createService, listen } from './service.ts';
import { plainBody } from './versioned-body.ts';

const route = routeFactory<null, never>();
const lines: string[] = [];

/** A service whose refusals are `{refused: status, why}`. */
const app = createService<null>({
  name: 'test',
  routes: [
    route({
      method: 'POST',
      path: '/things/:thing',
      summary: 'Take a thing',
      policy: 'public',
      query: versionedQuery({ token: { type: anyText }, name: { type: anyText } }),
      body: {
        key: 'thing',
        schema: plainBody(
          'Thing',
          Type.Object(
            {
              name: Type.String(),
              password: Type.Optional(Type.String({ maxLength: 8 })),
              more: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
            },
            { additionalProperties: false },
          ),
        ),
      },
      reply: { status: 200 },
      handle: ({ params, body }) => ({ params, body }),
    }),
  ],
  faults: {
    fault: (error) => ({
      status: error instanceof HttpError ? error.status : 500,
      body: { refused: error instanceof HttpError ? error.status : 500, why: (error as Error).message },
      ...(error instanceof HttpError ? { headers: error.headers } : {}),
    }),
    unmatched: () => ({ status: 404, body: { refused: 404 } }),
    invalidInput: ({ path, text, value }) => `${path.join('/')}: ${text} [${JSON.stringify(value)}]`,
  },
  policy: createPolicy({}),
  authenticate: () => Promise.resolve(null),
  deps: null,
  log: createLog({ name: 'test', level: 'debug', to: { write: (line) => void lines.push(line) } }),
  maxBodyBytes: 10_000,
});
let port = 0;
beforeAll(async () => void (port = await listen(app, { host: '127.0.0.1', port: 0 })));
afterAll(() => app.close());

const post = async (path: string, body: string, headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' }) => {
  const { statusCode, body: text } = await app.inject({ method: 'POST', url: path, headers, body });
  return [statusCode, JSON.parse(text) as Record<string, unknown>] as const;
};

/** Everything a connection says until it is closed. */
const heard = async (socket: Socket): Promise<string> => {
  let text = '';
  socket.on('data', (chunk) => void (text += chunk.toString('latin1')));
  socket.on('error', () => undefined); // a connection that is cut may say so in any way
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
};

test.each([
  ['a null character', String.raw`{"thing": {"name": "a\u0000"}}`, 'Invalid input for field thing/name: '],
  ['half a surrogate pair', String.raw`{"thing": {"name": "x", "more": {"a": ["\uD800"]}}}`, 'Invalid input for field thing/more/a/0: '],
  ['such text as a key', String.raw`{"thing": {"name": "x", "more": {"\udc00": 1}}}`, 'Invalid input for a key of thing/more: '],
])('%s in a body is refused by the name of its field', async (_what, body, why) => {
  expect(await post('/things/1', body)).toEqual([400, { refused: 400, why: expect.stringContaining(why) }]);
});

test('text that only looks so is taken', async () => {
  const body = { thing: { name: String.raw`\u0000 😀` } };
  expect(await post('/things/%F0%9F%98%80', JSON.stringify(body).replace('😀', String.raw`\ud83d\ude00`))).toEqual([
    200,
    { params: { thing: '😀' }, body: body.thing },
  ]);
});

test('a null character in a path or a query is refused by its name', async () => {
  expect(await post('/things/a%00', '{"thing": {"name": "x"}}')).toEqual([
    400,
    { refused: 400, why: expect.stringContaining('thing in the path') },
  ]);
  expect(await post('/things/a?name=%00', '{"thing": {"name": "x"}}')).toEqual([
    400,
    { refused: 400, why: expect.stringContaining('query parameter name') },
  ]);
});

test('a thing without an id is nowhere', async () => {
  expect(await post('/things/', '{"thing": {"name": "x"}}')).toEqual([404, { refused: 404 }]);
});

test('what the HTTP framework refuses is refused in the words of the service', async () => {
  expect(await post('/things/%zz', '{}')).toEqual([400, { refused: 400, why: 'The path is not a valid URL.' }]);
  expect((await post('/things/1', '{}', { 'content-type': ';;;' }))[0]).toBe(415);
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET /things/1 HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`);
  expect(await heard(socket)).toMatch(/^HTTP\/1.1 431 [^]*\{"refused":431,/);
});

test('a refused value that is a secret is not repeated, nor logged with the query', async () => {
  const secret = 'a-canary-too-long';
  const [status, { why }] = await post(`/things/1?token=${secret}`, JSON.stringify({ thing: { name: 'x', password: secret } }));
  expect([status, why]).toEqual([400, expect.not.stringContaining(secret)]);
  expect((await post('/things/1', JSON.stringify({ thing: { password: secret } })))[1]['why']).not.toContain(secret);
  expect(lines.join('')).not.toContain(secret);
});

test('a body that never ends is not read for ever', async () => {
  const socket = connect(port, '127.0.0.1');
  const answer = heard(socket);
  socket.write('POST /things/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
  expect(await answer).toMatch(/^(HTTP\/1.1 413 |$)/);
});

test('a refused body that trickles is cut off', async () => {
  const socket = connect(port, '127.0.0.1');
  const answer = heard(socket);
  socket.write('POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx');
  expect(await answer).toMatch(/^HTTP\/1.1 404 /);
});

test('a body that does not come in time is refused', async () => {
  const silent = new Readable({ read: () => undefined });
  await expect(readBody(silent, 100, 50, 20)).rejects.toMatchObject({ status: 408 });
});
