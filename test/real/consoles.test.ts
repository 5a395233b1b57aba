import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startRealCloud, type RealCloud } from '../support/real-cloud.ts';

/** Consoles of a guest on real libvirt and QEMU, asked for with Debian's `openstack` client and seen through the proxies of `./kilonova up`. */
let cloud: RealCloud;
const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

const consoleUrl = async (kind: string): Promise<URL> => new URL(await cloud.openstack(`console url show ${kind} seen -f value -c url`));

interface Viewer {
  readonly socket: WebSocket;
  received: Buffer;
}
async function view(address: string, origin: string): Promise<Viewer> {
  const socket = new WebSocket(address, 'binary', { origin });
  const viewer: Viewer = { socket, received: Buffer.alloc(0) };
  socket.on('message', (data: Buffer) => (viewer.received = Buffer.concat([viewer.received, data])));
  await once(socket, 'open');
  return viewer;
}
async function took(viewer: Viewer, count: number): Promise<Buffer> {
  await expect.poll(() => viewer.received.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(count);
  const data = viewer.received.subarray(0, count);
  viewer.received = viewer.received.subarray(count);
  return data;
}
const socketAddress = (url: URL): string => `ws://${url.host}/${url.searchParams.get('path') ?? url.search}`;

beforeAll(async () => {
  cloud = await startRealCloud('consoles', null, '[spice]\nenabled = True');
  await cloud.openstack('server create --image tiny --flavor m1.tiny --network private --wait seen');
});
afterAll(() => cloud.stop());

test('somebody logs in on the serial port, and the console log keeps what was said', async () => {
  const url = await consoleUrl('--serial');
  expect(url.protocol).toBe('ws:');
  const viewer = await view(url.href, `http://${url.host}`);
  const said = (): string => viewer.received.toString().replaceAll('\u001b[6n', ''); // the shell asks where the cursor is
  const type = (text: string): void => {
    viewer.received = Buffer.alloc(0);
    viewer.socket.send(text);
  };
  const patient = { timeout: 180_000, interval: 500 };
  await expect
    .poll(() => {
      viewer.socket.send('\r'); // what was said before somebody looked is not said again
      return said();
    }, patient)
    .toMatch(/login: $/);
  type('root\r');
  await expect.poll(said, patient).toMatch(/Password: $/i);
  type('kilonova\r');
  await expect.poll(said, patient).toMatch(/[#$] $/);
  type('echo $((6 * 7))-answers\r');
  await expect.poll(said, patient).toMatch(/\r\n42-answers\r\n/);
  const closed = once(viewer.socket, 'close');
  viewer.socket.close();
  await closed;
  expect(await cloud.openstack('console log show seen')).toContain('42-answers');
});

describe('the screen', () => {
  test('is seen over VNC', async () => {
    const url = await consoleUrl('--novnc');
    const viewer = await view(socketAddress(url), url.origin);
    expect((await took(viewer, 12)).toString()).toBe('RFB 003.008\n');
    viewer.socket.send('RFB 003.008\n');
    expect([...(await took(viewer, 2))]).toEqual([1, 1]);
    viewer.socket.send(Buffer.from([1]));
    expect((await took(viewer, 4)).readUInt32BE(0)).toBe(0);
    viewer.socket.send(Buffer.from([1]));
    const init = await took(viewer, 24);
    const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)];
    expect(width >= 640 && height >= 400).toBe(true);
    expect((await took(viewer, init.readUInt32BE(20))).toString()).toContain('QEMU');
    const request = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    request.writeUInt16BE(width, 6);
    request.writeUInt16BE(height, 8);
    viewer.socket.send(request);
    const update = await took(viewer, 16);
    expect([update[0], update.readUInt16BE(2) > 0]).toEqual([0, true]);
    viewer.socket.terminate();
  });

  test.skipIf(browser === undefined)('is seen in a browser, whose address bar has no token', async () => {
    const url = await consoleUrl('--novnc');
    const chrome = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] });
    try {
      const page = await chrome.newPage({ viewport: { width: 1100, height: 800 } });
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(`${url.href}&title=seen`);
      await page.locator('#state', { hasText: /^Connected$/ }).waitFor({ timeout: 30_000 });
      const colours = (): Promise<number> =>
        page
          .locator('canvas')
          .evaluate(
            (canvas: {
              width: number;
              height: number;
              getContext(kind: '2d'): { getImageData(...of: number[]): { data: Uint8ClampedArray } };
            }) => {
              const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              const seen = new Set<number>();
              for (let at = 0; at < data.length; at += 4) seen.add(data[at]! * 65_536 + data[at + 1]! * 256 + data[at + 2]!);
              return seen.size;
            },
          );
      await expect.poll(colours, { timeout: 30_000 }).toBeGreaterThan(1);
      expect([await page.title(), page.url(), complaints]).toEqual(['seen', `${url.origin}/vnc_auto.html`, []]);
      await page.screenshot({ path: join(cloud.state, 'screen.png') });
      if (process.env['KILONOVA_SCREENSHOTS'] !== undefined)
        await page.screenshot({ path: join(process.env['KILONOVA_SCREENSHOTS'], 'novnc.png') });
    } finally {
      await chrome.close();
    }
  });

  test.skipIf(browser === undefined)('and the serial port in a browser, too', async () => {
    const url = await consoleUrl('--serial');
    const chrome = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] });
    try {
      const page = await chrome.newPage({ viewport: { width: 1100, height: 500 } });
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`http://${url.host}/serial.html${url.search}`);
      await page.locator('#state', { hasText: /^Connected/ }).waitFor({ timeout: 30_000 });
      await page.keyboard.type('echo $((6 * 9))-in-the-browser\n');
      await page.locator('.xterm-rows', { hasText: '54-in-the-browser' }).waitFor({ timeout: 30_000 });
      expect([page.url(), complaints]).toEqual([`http://${url.host}/serial.html`, []]);
      if (process.env['KILONOVA_SCREENSHOTS'] !== undefined)
        await page.screenshot({ path: join(process.env['KILONOVA_SCREENSHOTS'], 'serial.png') });
    } finally {
      await chrome.close();
    }
  });

  test('is spoken to over SPICE', async () => {
    const url = await consoleUrl('--spice');
    const viewer = await view(socketAddress(url), url.origin);
    // a link message (spice-protocol): magic, version 2.2, size; connection 0, channel "main", no capabilities
    const message = Buffer.alloc(16 + 18);
    message.write('REDQ', 0, 'latin1');
    for (const [index, value] of [2, 2, 18, 0].entries()) message.writeUInt32LE(value, 4 + index * 4);
    message.writeUInt8(1, 20);
    message.writeUInt32LE(18, 30);
    viewer.socket.send(message);
    const reply = await took(viewer, 16);
    expect([reply.subarray(0, 4).toString(), reply.readUInt32LE(4)]).toEqual(['REDQ', 2]);
    viewer.socket.terminate();
  });
});

test('the consoles of a server that is off are refused in Nova’s words', async () => {
  const id = await cloud.openstack('server show seen -f value -c id');
  await cloud.openstack('server stop seen');
  await cloud.status('seen', 'SHUTOFF');
  for (const kind of ['--novnc', '--serial', '--spice']) await expect(consoleUrl(kind)).rejects.toThrow(`Instance ${id} is not ready`);
});
