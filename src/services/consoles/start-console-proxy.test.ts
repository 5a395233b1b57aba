import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { readSettings } from '../../config/index.ts';
import type { ConsoleSession } from '../../contracts/consoles.ts';
import { systemClock } from '../../lib/clock.ts';
import { notFound, unavailable } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { readExactly } from '../../lib/streams/read-exactly.ts';
import type { ConsoleKind } from './console-kinds.ts';
import { startConsoleProxy, type ConsoleProxy } from './start-console-proxy.ts';

const directory = mkdtempSync(join(tmpdir(), 'kilonova-consoles-'));
/** Consoles that may be opened, by their tokens. */
const sessions = new Map<string, ConsoleSession | Error>();
const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  sessions.clear();
});
afterAll(() => rmSync(directory, { recursive: true }));

async function proxy(kind: ConsoleKind = 'spicehtml5proxy', conf = ''): Promise<ConsoleProxy> {
  const started = await startConsoleProxy({
    kind,
    consoles: {
      async open(token) {
        const session = sessions.get(token) ?? notFound('The token of the console is invalid or has expired.');
        if (session instanceof Error) throw session;
        return session;
      },
    },
    settings: readSettings(conf).settings,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
  });
  disposables.push(started);
  return started;
}

/** A guest's console, as a program. */
async function guest(serve: (socket: Socket) => void = (socket) => void socket.pipe(socket)): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  disposables.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return (server.address() as AddressInfo).port;
}

const session = (port: number, changes: Partial<ConsoleSession> = {}): ConsoleSession => ({
  consoleType: 'spice-html5',
  instanceId: 'server-1',
  host: '127.0.0.1',
  port,
  internalAccessPath: null,
  accessUrlBase: 'ws://127.0.0.1:6083/',
  expiresAt: new Date(Date.now() + 600_000).toISOString(),
  ...changes,
});

interface Viewer {
  readonly socket: WebSocket;
  received: string;
  readonly closed: Promise<readonly [number, string]>;
}
function view({ port }: ConsoleProxy, path: string, options: ClientOptions & { protocols?: string[]; tls?: boolean } = {}): Viewer {
  const { protocols = ['binary'], tls = false, ...rest } = options;
  const socket = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}${path}`, protocols, { rejectUnauthorized: false, ...rest });
  const { promise: closed, resolve } = Promise.withResolvers<readonly [number, string]>();
  const viewer: Viewer = { socket, received: '', closed };
  socket.on('message', (data: Buffer) => (viewer.received += data.toString('latin1')));
  socket.on('close', (code, reason) => resolve([code, reason.toString()]));
  socket.on('error', () => undefined);
  return viewer;
}
const status = async (viewer: Viewer): Promise<number | undefined> => {
  const [, answer] = (await once(viewer.socket, 'unexpected-response')) as [unknown, { statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
};
/** A viewer after the handshake, who may write what it wants. */
async function rawViewer({ port }: ConsoleProxy): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.write(
    'GET /?token=t HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n',
  );
  let answer = '';
  while (!answer.endsWith('\r\n\r\n')) answer += (await readExactly(socket, 1)).toString('latin1');
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  return socket;
}
const get = async ({ port }: ConsoleProxy, path: string, method = 'GET') => {
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await answer.toArray()).toString();
  return { status: answer.statusCode, headers: answer.headers, body };
};

describe('a viewer', () => {
  test('with a good token talks to the console, by its query or a cookie, on any path', async () => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    for (const [path, headers] of [
      ['/?token=t', {}],
      ['/websockify?token=t', {}],
      ['/', { cookie: 'x=y; token=t' }],
    ] as const) {
      const viewer = view(running, path, { headers });
      await once(viewer.socket, 'open');
      expect(viewer.socket.protocol).toBe('binary');
      viewer.socket.send(Buffer.from([0, 255]));
      viewer.socket.send('text');
      await expect.poll(() => viewer.received).toBe('\u0000ÿtext');
      viewer.socket.close();
      await viewer.closed;
    }
  });

  test('needs no sub-protocol', async () => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    const viewer = view(running, '/?token=t', { protocols: [] });
    await once(viewer.socket, 'open');
    viewer.socket.send('x');
    await expect.poll(() => viewer.received).toBe('x');
  });

  test.each<[string, string, Partial<ConsoleSession> | Error | null, ClientOptions, number, number]>([
    ['without a token', '/', {}, {}, 401, 4401],
    ['with another token', '/?token=other', {}, {}, 401, 4401],
    ['with a token for another kind of console', '/?token=t', { consoleType: 'novnc' }, {}, 401, 4401],
    ['from a foreign page', '/?token=t', {}, { origin: 'http://evil.example' }, 403, 4403],
    ['from a page without a name', '/?token=t', {}, { origin: 'null' }, 403, 4403],
    ['from a page of another scheme', '/?token=t', {}, { origin: 'https://127.0.0.1' }, 403, 4403],
    [
      'from a page of another scheme that a header belittles',
      '/?token=t',
      {},
      { origin: 'https://127.0.0.1', headers: { 'x-forwarded-proto': 'http' } },
      403,
      4403,
    ],
    ['while the Compute API does not answer', '/?token=t', unavailable('It sleeps.'), {}, 503, 1013],
    ['to a console that nobody listens at', '/?token=t', { port: 1 }, {}, 502, 1011],
  ])('%s is refused', async (_name, path, found, options, expected, code) => {
    const running = await proxy();
    const port = await guest();
    sessions.set('t', found instanceof Error ? found : session(port, found ?? {}));
    expect(await status(view(running, path, options))).toBe(expected);
    const told = await view(running, path, { ...options, protocols: ['binary', 'kilonova.reasons'] }).closed;
    expect([told[0], told[1] !== '']).toEqual([code, true]);
  });

  test('from a page of the proxy or one that is allowed is let in', async () => {
    const running = await proxy('spicehtml5proxy', '[console]\nallowed_origins = dashboard.example\n');
    sessions.set('t', session(await guest()));
    for (const origin of [`http://127.0.0.1:${running.port}`, 'http://dashboard.example']) {
      const viewer = view(running, '/?token=t', { origin });
      await once(viewer.socket, 'open');
      viewer.socket.terminate();
    }
  });

  test('who sends more at once than anybody types is cut off', async () => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    const viewer = view(running, '/?token=t');
    await once(viewer.socket, 'open');
    viewer.socket.send(Buffer.alloc(2 * 1024 ** 2));
    expect((await viewer.closed)[0]).toBe(1009);
  });

  test.each([
    ['bytes that are not masked', Buffer.from([0x82, 0x01, 0x61]), 1002],
    ['a message of 2^63 bytes', Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]), 1009],
    ['a compressed message', Buffer.from([0xc2, 0x81, 1, 2, 3, 4, 0x60]), 1002],
  ])('who sends %s is cut off', async (_name, frame, code) => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    const socket = await rawViewer(running);
    socket.write(frame);
    const [first, length] = await readExactly(socket, 2);
    expect([first, (await readExactly(socket, length!)).readUInt16BE(0)]).toEqual([0x88, code]);
    await once(socket.resume(), 'close');
  });

  test('who asks for signs of life and never reads them does not fill the proxy’s memory', async () => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    const socket = await rawViewer(running);
    const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125, 'p')]);
    const many = Buffer.concat(Array.from({ length: 8000 }, () => ping));
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 20; round++) if (!socket.write(many)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 ** 2);
    socket.destroy();
  });

  test('gets all a guest has said before it hangs up, and is told that it did', async () => {
    const running = await proxy();
    const flood = Buffer.alloc(3 * 1024 ** 2, 'x');
    sessions.set('t', session(await guest((socket) => void socket.end(flood))));
    const viewer = view(running, '/?token=t');
    expect(await viewer.closed).toEqual([1000, 'The server closed its console.']);
    expect(viewer.received.length).toBe(flood.length);
  });

  test('who goes takes the connection to the guest along', async () => {
    const running = await proxy();
    const ended = Promise.withResolvers<void>();
    sessions.set('t', session(await guest((socket) => void socket.on('close', () => ended.resolve()).resume())));
    const viewer = view(running, '/?token=t');
    await once(viewer.socket, 'open');
    viewer.socket.terminate();
    await ended.promise;
  });

  test('stays when the token expires, and goes when the operator wants sessions to end with it', async () => {
    const soon = (): string => new Date(Date.now() + 100).toISOString();
    const lasting = await proxy();
    const ending = await proxy('spicehtml5proxy', '[consoleauth]\nenforce_session_timeout = True\n');
    const port = await guest();
    sessions.set('t', session(port, { expiresAt: soon() }));
    const stays = view(lasting, '/?token=t');
    const goes = view(ending, '/?token=t');
    expect(await goes.closed).toEqual([1008, 'The time of this console is over.']);
    stays.socket.send('x');
    await expect.poll(() => stays.received).toBe('x');
  });

  test('is one of so many that a server may have', async () => {
    const running = await proxy();
    const port = await guest();
    sessions.set('t', session(port));
    sessions.set('u', session(port, { instanceId: 'server-2' }));
    const many = Array.from({ length: 20 }, () => view(running, '/?token=t'));
    await Promise.all(many.map(({ socket }) => once(socket, 'open')));
    expect(await status(view(running, '/?token=t'))).toBe(409);
    await once(view(running, '/?token=u').socket, 'open');
    many[0]!.socket.close();
    await many[0]!.closed;
    await expect
      .poll(async () => {
        const viewer = view(running, '/?token=t');
        const opened = await Promise.race([once(viewer.socket, 'open').then(() => true), status(viewer).then(() => false)]);
        return opened;
      })
      .toBe(true);
  });

  test('has a serial port to itself', async () => {
    const running = await proxy('serialproxy');
    sessions.set('t', session(await guest(), { consoleType: 'serial' }));
    await once(view(running, '/?token=t').socket, 'open');
    const [code, reason] = await view(running, '/?token=t', { protocols: ['binary', 'kilonova.reasons'] }).closed;
    expect([code, reason]).toEqual([4409, 'The console is open elsewhere: it opens here when it is closed there.']);
  });

  test('is led through what stands before the console', async () => {
    const running = await proxy();
    const asked: string[] = [];
    const port = await guest((socket) => {
      socket.once('data', (data: Buffer) => {
        asked.push(data.toString());
        socket.write('HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nhello');
      });
    });
    sessions.set('t', session(port, { internalAccessPath: '51af38c3' }));
    const viewer = view(running, '/?token=t');
    await expect.poll(() => viewer.received).toBe('hello');
    expect(asked).toEqual(['CONNECT 51af38c3 HTTP/1.1\r\n\r\n']);
    const refusing = await guest((socket) => void socket.once('data', () => socket.end('HTTP/1.1 403 No\r\n\r\n')));
    sessions.set('t', session(refusing, { internalAccessPath: '51af38c3' }));
    expect(await status(view(running, '/?token=t'))).toBe(502);
  });

  test('is told when the proxy stops, which ends at once', async () => {
    const running = await proxy();
    sessions.set('t', session(await guest()));
    const viewer = view(running, '/?token=t');
    await once(viewer.socket, 'open');
    await running.stop();
    expect(await viewer.closed).toEqual([1001, 'The console proxy stops.']);
    disposables.splice(disposables.indexOf(running), 1);
  });
});

describe('a screen', () => {
  const rfb = (types: readonly number[], said: Buffer[] = []) =>
    guest((socket) => {
      socket.write('RFB 003.008\n');
      let step = 0;
      socket.on('data', (data: Buffer) => {
        said.push(data);
        if (step++ === 0) socket.write(Buffer.from([types.length, ...types]));
        else if (step === 2) socket.write(Buffer.concat([Buffer.alloc(4), Buffer.from('go on')]));
      });
    });
  const converse = async (viewer: Viewer): Promise<void> => {
    await expect.poll(() => viewer.received).toBe('RFB 003.008\n');
    viewer.socket.send('RFB 003.008\n');
    await expect.poll(() => viewer.received).toBe('RFB 003.008\n\u0001\u0001');
    viewer.socket.send(Buffer.from([1]));
  };
  const novnc = (port: number) => session(port, { consoleType: 'novnc', accessUrlBase: 'http://127.0.0.1:6080/vnc_auto.html' });

  test('is reached without a password, whatever else it offers', async () => {
    const running = await proxy('novncproxy');
    const said: Buffer[] = [];
    sessions.set('t', novnc(await rfb([19, 2, 1], said)));
    const viewer = view(running, '/?token=t');
    await converse(viewer);
    await expect.poll(() => viewer.received).toBe('RFB 003.008\n\u0001\u0001\u0000\u0000\u0000\u0000go on');
    expect(said.map((data) => data.toString('latin1'))).toEqual(['RFB 003.008\n', '\u0001']);
  });

  test('that wants what the proxy cannot is refused without saying what', async () => {
    const running = await proxy('novncproxy');
    sessions.set('t', novnc(await rfb([2])));
    const viewer = view(running, '/?token=t');
    await converse(viewer);
    expect((await viewer.closed)[0]).toBe(1011);
    expect(viewer.received).toContain('Unable to negotiate security with server');
  });

  test('that goes away while it is being agreed on ends the conversation, and so does a viewer that goes', async () => {
    const running = await proxy('novncproxy');
    const guests: Socket[] = [];
    const left = Promise.withResolvers<void>();
    const port = await guest((socket) => {
      guests.push(socket.on('close', () => left.resolve()));
      socket.write('RFB 003.008\n');
    });
    sessions.set('t', novnc(port));
    const first = view(running, '/?token=t');
    await expect.poll(() => first.received).toBe('RFB 003.008\n');
    guests[0]!.destroy();
    expect((await first.closed)[0]).toBe(1011);
    const second = view(running, '/?token=t');
    await expect.poll(() => second.received).toBe('RFB 003.008\n');
    second.socket.terminate();
    await left.promise;
  });

  test('that speaks no RFB ends the conversation', async () => {
    const running = await proxy('novncproxy');
    sessions.set('t', novnc(await guest((socket) => void socket.write('SSH-2.0-OpenSSH\r\n'))));
    const viewer = view(running, '/?token=t');
    expect([(await viewer.closed)[0], viewer.received]).toEqual([1011, '']);
  });
});

describe('a page', () => {
  test.each(['/vnc_auto.html?path=%3Ftoken%3Dx', '/vnc_lite.html', '/vnc.html', '/'])('%s shows noVNC', async (path) => {
    const { status, headers, body } = await get(await proxy('novncproxy'), path);
    expect([status, headers['content-type'], headers['referrer-policy']]).toEqual([200, 'text/html; charset=utf-8', 'no-referrer']);
    expect(headers['content-security-policy']).toContain("script-src 'self'");
    expect(body).toMatch(/<html.*>[\s\S]*<script[\s\S]*noVNC[\s\S]*<\/html>/);
  });

  test('finds all it is made of', async () => {
    for (const [kind, start] of [
      ['novncproxy', ['/vnc.js', '/console.css']],
      ['serialproxy', ['/serial.js', '/console.css', '/xterm/xterm.css']],
    ] as const) {
      const running = await proxy(kind);
      const left: string[] = [...start];
      const seen = new Set<string>();
      for (let path = left.pop(); path !== undefined; path = left.pop()) {
        if (seen.has(path)) continue;
        seen.add(path);
        const { status, headers, body } = await get(running, path);
        expect([path, status]).toEqual([path, 200]);
        expect(headers['content-type']).toMatch(path.endsWith('css') ? /^text\/css/ : /^text\/javascript/);
        if (!path.startsWith('/xterm/'))
          for (const [, name = ''] of body.matchAll(/^(?:import|export)\b[^'"]*from\s*['"](\.[^'"]+)['"]/gm))
            left.push(new URL(name, `http://x${path}`).pathname);
      }
      expect(seen.size).toBeGreaterThan(4);
    }
  });

  test.each([
    '/../package.json',
    '//evil.example/%2f..',
    '/\\evil',
    '/novnc/core',
    '/novnc/core/../../package.json',
    '/%2e%2e/x',
    '/vnc_auto.html/',
    '/.git',
  ])('%s is not there, and leads nowhere else', async (path) => {
    const { status, headers, body } = await get(await proxy('novncproxy'), path);
    expect([status, headers.location, body]).toEqual([404, undefined, '']);
  });

  test('is read and never written', async () => {
    const running = await proxy('novncproxy');
    expect([(await get(running, '/vnc.html', 'HEAD')).status, (await get(running, '/vnc.html', 'POST')).status]).toEqual([200, 405]);
  });

  test('for SPICE is the operator’s', async () => {
    const pages = mkdtempSync(join(directory, 'web-'));
    execFileSync('sh', ['-c', 'echo "<html>" > spice_auto.html && mkdir src && echo x > src/main.js && ln -s /etc/passwd leak.html'], {
      cwd: pages,
    });
    const running = await proxy('spicehtml5proxy', `[DEFAULT]\nweb = ${pages}\n`);
    expect((await get(running, '/spice_auto.html?token=x')).body).toBe('<html>\n');
    expect([(await get(running, '/src/main.js')).status, (await get(running, '/leak.html')).status]).toEqual([200, 404]);
    expect((await get(await proxy('spicehtml5proxy', '[DEFAULT]\nweb = /nowhere\n'), '/spice_auto.html')).status).toBe(404);
  });
});

describe('TLS', () => {
  const pem = join(directory, 'proxy.pem');
  beforeAll(() => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', pem, '-out', `${pem}.crt`, '-days', '2', '-subj', '/CN=localhost'], { stdio: 'ignore' }); // prettier-ignore
    execFileSync('sh', ['-c', `cat ${pem}.crt >> ${pem}`]);
  });

  test('is spoken on the same port where there is a certificate', async () => {
    const running = await proxy(
      'spicehtml5proxy',
      `[DEFAULT]\nweb = ${directory}\ncert = ${pem}\n[console]\nssl_minimum_version = tlsv1_3\n`,
    );
    const port = await guest();
    for (const [tls, accessUrlBase, origin] of [
      [true, 'wss://127.0.0.1/', 'https://127.0.0.1'],
      [false, 'ws://127.0.0.1/', 'http://127.0.0.1'],
    ] as const) {
      sessions.set('t', session(port, { accessUrlBase }));
      const viewer = view(running, '/?token=t', { tls, origin });
      await once(viewer.socket, 'open');
      viewer.socket.send('x');
      await expect.poll(() => viewer.received).toBe('x');
      viewer.socket.terminate();
    }
    expect((await get(running, '/serial.html')).status).toBe(404);
  });

  test('is all that is spoken where the operator wants it so', async () => {
    const running = await proxy('spicehtml5proxy', `[DEFAULT]\ncert = ${pem}\nssl_only = True\n`);
    sessions.set('t', session(await guest()));
    const socket = connect({ host: '127.0.0.1', port: running.port });
    socket.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket.resume(), 'close');
    expect(socket.bytesRead).toBe(0);
    await once(view(running, '/?token=t', { tls: true }).socket, 'open');
    await expect(proxy('spicehtml5proxy', '[DEFAULT]\nssl_only = True\n')).rejects.toThrow('ssl_only');
  });
});
