import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { createLog } from '../../src/lib/log.ts';
import { runConsoleProxy } from '../../src/services/consoles/run-console-proxy.ts';
import { password, startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

/** Consoles of servers on hypervisors that pretend, from the API through the proxies to the guest. */
let cloud: TestCloud;
let member: Asker;
const logged: string[] = [];
const given: string[] = [];
beforeAll(async () => {
  const log = createLog({ name: 'test', level: 'trace', to: { write: (line) => void logged.push(line) } });
  cloud = await startTestCloud('[spice]\nenabled = True\nhtml5proxy_port = 0\n', { log });
  member = await cloud.user('member');
});
afterAll(() => cloud.stop());

async function server(name: string): Promise<string> {
  const { status, body } = await member.ask('compute', 'POST', '/servers', {
    server: { name, imageRef: cloud.imageId, flavorRef: '1', networks: 'none' },
  });
  if (status !== 202) throw new Error(JSON.stringify(body));
  await cloud.settled(member, body.server.id, 'ACTIVE');
  return body.server.id;
}
const ask = (id: string, protocol: string, type: string) =>
  member.ask('compute', 'POST', `/servers/${id}/remote-consoles`, { remote_console: { protocol, type } });
async function urlOf(id: string, protocol = 'vnc', type = 'novnc'): Promise<URL> {
  const { status, body } = await ask(id, protocol, type);
  expect([status, body.remote_console?.type]).toEqual([200, type]);
  given.push(body.remote_console.url);
  return new URL(body.remote_console.url);
}
/** What a page at this address would connect to. */
const socketAddress = (url: URL): string => `ws://${url.host}/${url.searchParams.get('path') ?? url.search}`;

interface Viewer {
  readonly socket: WebSocket;
  received: Buffer;
}
async function view(address: string, options: ClientOptions = {}): Promise<Viewer> {
  const socket = new WebSocket(address, 'binary', options);
  const viewer: Viewer = { socket, received: Buffer.alloc(0) };
  socket.on('message', (data: Buffer) => (viewer.received = Buffer.concat([viewer.received, data])));
  await once(socket, 'open');
  return viewer;
}
async function refusal(address: string, options: ClientOptions = {}): Promise<number | undefined> {
  const socket = new WebSocket(address, 'binary', options);
  socket.on('error', () => undefined);
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}
const took = async (viewer: Viewer, count: number): Promise<Buffer> => {
  await expect.poll(() => viewer.received.length).toBeGreaterThanOrEqual(count);
  const data = viewer.received.subarray(0, count);
  viewer.received = viewer.received.subarray(count);
  return data;
};

/** The beginning of RFB 3.8, without a password. */
async function shakeHands(viewer: Viewer): Promise<void> {
  expect((await took(viewer, 12)).toString()).toBe('RFB 003.008\n');
  viewer.socket.send('RFB 003.008\n');
  expect([...(await took(viewer, 2))]).toEqual([1, 1]);
  viewer.socket.send(Buffer.from([1]));
  expect((await took(viewer, 4)).readUInt32BE(0)).toBe(0);
  viewer.socket.send(Buffer.from([1]));
}

describe('the screen of a server', () => {
  test('is seen at the address the API gives', async () => {
    const url = await urlOf(await server('seen'));
    const page = await (await fetch(url)).text();
    expect(page).toMatch(/<html.*>[\s\S]*noVNC[\s\S]*<\/html>/);
    const viewer = await view(socketAddress(url), { origin: url.origin });
    await shakeHands(viewer);
    const init = await took(viewer, 24);
    expect([init.readUInt16BE(0), init.readUInt16BE(2)]).toEqual([320, 200]);
    expect((await took(viewer, init.readUInt32BE(20))).toString()).toBe('seen');
    viewer.socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 8, 0, 8]));
    expect((await took(viewer, 16 + 8 * 8 * 4)).readUInt16BE(2)).toBe(1);
    viewer.socket.terminate();
  });

  test('is not seen with a token that is wrong, for something else, or from a foreign page', async () => {
    const id = await server('hidden');
    const url = await urlOf(id);
    const address = socketAddress(url);
    const serial = await urlOf(id, 'serial', 'serial');
    expect(await refusal(address.replace('token=', 'token=bad'))).toBe(401);
    expect(await refusal(`ws://${url.host}/`)).toBe(401);
    expect(await refusal(`ws://${url.host}/${serial.search}`)).toBe(401);
    expect(await refusal(address, { origin: 'http://evil.example' })).toBe(403);
    expect(await refusal(address, { origin: url.origin.replace('http:', 'https:') })).toBe(403);
    (await view(address)).socket.terminate();
  });

  test('is not seen once the token has expired', async () => {
    const address = socketAddress(await urlOf(await server('late')));
    const database = cloud.cloud.stores.defaultCell.database;
    await database
      .updateTable('console_auth_tokens')
      .set({ expires_at: new Date(Date.now() - 1) })
      .execute();
    expect(await refusal(address)).toBe(401);
  });

  test('is gone when the server stops, and another link opens it when it runs again', async () => {
    const id = await server('stopped');
    const address = socketAddress(await urlOf(id));
    const viewer = await view(address);
    await shakeHands(viewer);
    const closed = once(viewer.socket, 'close');
    await member.ask('compute', 'POST', `/servers/${id}/action`, { 'os-stop': null });
    await closed;
    await cloud.settled(member, id, 'SHUTOFF');
    expect(await refusal(address)).toBe(401);
    const refused = await ask(id, 'vnc', 'novnc');
    expect([refused.status, refused.body]).toEqual([409, { conflictingRequest: { code: 409, message: `Instance ${id} is not ready` } }]);
    await member.ask('compute', 'POST', `/servers/${id}/action`, { 'os-start': null });
    await cloud.settled(member, id, 'ACTIVE');
    (await view(socketAddress(await urlOf(id)))).socket.terminate();
  });

  test('goes with the server, and so do its tokens', async () => {
    const id = await server('deleted');
    const address = socketAddress(await urlOf(id));
    await member.ask('compute', 'DELETE', `/servers/${id}`);
    await cloud.gone(member, id);
    expect(await refusal(address)).toBe(401);
    const rows = cloud.cloud.stores.defaultCell.database.selectFrom('console_auth_tokens').selectAll().where('instance_id', '=', id);
    expect(await rows.execute()).toEqual([]);
  });
});

test('a serial port is typed into', async () => {
  const url = await urlOf(await server('typed'), 'serial', 'serial');
  expect(url.protocol).toBe('ws:');
  expect(await (await fetch(`http://${url.host}/${url.search}`)).text()).toContain('serial.js');
  const viewer = await view(url.href, { origin: `http://${url.host}` });
  await expect.poll(() => viewer.received.toString()).toMatch(/login: $/);
  viewer.socket.send('somebody\r');
  await expect.poll(() => viewer.received.toString()).toMatch(/login: somebody\r\n.* login: $/);
  viewer.socket.terminate();
});

test('SPICE is spoken to a server that has it', async () => {
  const id = await server('spicy');
  const url = await urlOf(id, 'spice', 'spice-html5');
  expect(url.pathname).toBe('/spice_auto.html');
  const viewer = await view(`ws://${url.host}/websockify${url.search}`, { origin: url.origin });
  const link = Buffer.alloc(34);
  link.write('REDQ');
  for (const [index, value] of [2, 2, 18].entries()) link.writeUInt32LE(value, 4 + index * 4);
  viewer.socket.send(link);
  expect((await took(viewer, 4)).toString()).toBe('REDQ');
  viewer.socket.terminate();
  const direct = await member.ask(
    'compute',
    'POST',
    `/servers/${id}/remote-consoles`,
    { remote_console: { protocol: 'spice', type: 'spice-direct' } },
    { 'openstack-api-version': 'compute 2.99' },
  );
  const { searchParams } = new URL(direct.body.remote_console.url);
  const shown = await cloud.admin.ask('compute', 'GET', `/os-console-auth-tokens/${searchParams.get('token')}`, undefined, {
    'openstack-api-version': 'compute 2.99',
  });
  expect(shown.body.console).toMatchObject({ instance_uuid: id, host: '127.0.0.1', port: expect.any(Number), tls_port: null });
  expect(await refusal(`ws://${url.host}/?token=${searchParams.get('token')}`)).toBe(401);
});

test('a proxy by itself needs no more than the service user’s login', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-proxy-'));
  const conf = join(directory, 'nova.conf');
  await writeFile(
    conf,
    `[vnc]\nnovncproxy_port = 0\n[keystone_authtoken]\nauth_url = ${cloud.cloud.authUrl}\nusername = nova\npassword = ${password}\n`,
  );
  const proxy = await runConsoleProxy('novncproxy', conf, () => undefined);
  try {
    const url = await urlOf(await server('elsewhere'));
    const viewer = await view(socketAddress(url).replace(url.host, `${proxy.host}:${proxy.port}`));
    await shakeHands(viewer);
    viewer.socket.terminate();
    expect(await refusal(`ws://${proxy.host}:${proxy.port}/?token=wrong`)).toBe(401);
  } finally {
    await proxy.stop();
    await rm(directory, { recursive: true });
  }
});

test('consoles that are not to be had here are refused in Nova’s words', async () => {
  const id = await server('without');
  const refused = async (protocol: string, type: string): Promise<string> => {
    const { status, body } = await ask(id, protocol, type);
    return `${status} ${body.badRequest?.message}`;
  };
  expect([
    await refused('mks', 'webmks'),
    await refused('rdp', 'rdp-html5'),
    await refused('vnc', 'xvpvnc'),
    await refused('serial', 'novnc'),
  ]).toEqual([
    '400 Unavailable console type webmks.',
    '400 Unavailable console type rdp.',
    '400 Invalid console type xvpvnc',
    '400 Invalid console type novnc',
  ]);
});

test('no log has ever had a token in it', () => {
  const tokens = given.map((url) => /[0-9a-f-]{36}$/.exec(url)?.[0] ?? '');
  const log = logged.join('');
  expect([tokens.length > 5, log.includes('console opened'), log.includes('console refused')]).toEqual([true, true, true]);
  expect(tokens.filter((token) => token === '' || log.includes(token))).toEqual([]);
});
