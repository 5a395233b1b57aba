import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

/** Consoles of servers on hypervisors that pretend, from the API through the proxies to the guest. */
let cloud: TestCloud;
let member: Asker;
beforeAll(async () => {
  cloud = await startTestCloud('[spice]\nhtml5proxy_port = 0\n');
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

test('consoles that are not to be had here are refused in Nova’s words', async () => {
  const id = await server('without');
  const refused = async (protocol: string, type: string): Promise<string> => {
    const { status, body } = await ask(id, protocol, type);
    return `${status} ${body.badRequest?.message}`;
  };
  expect([
    await refused('spice', 'spice-html5'),
    await refused('mks', 'webmks'),
    await refused('rdp', 'rdp-html5'),
    await refused('vnc', 'xvpvnc'),
    await refused('serial', 'novnc'),
  ]).toEqual([
    '400 Unavailable console type spice-html5.',
    '400 Unavailable console type webmks.',
    '400 Unavailable console type rdp.',
    '400 Invalid console type xvpvnc',
    '400 Invalid console type novnc',
  ]);
});
