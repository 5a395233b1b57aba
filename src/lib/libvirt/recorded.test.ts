import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { encodeFrame, FrameReader } from './frame.ts';
import { session } from './fixtures/session.ts';
import { connectLibvirt } from './index.ts';

const recorded = readFileSync(new URL('fixtures/test-default.hex', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => ({ from: line.startsWith('>') ? 'client' : 'daemon', hex: line.slice(2) }));

/** Says what libvirtd said, as long as the client says what was said to it. */
async function replay(socket: net.Socket): Promise<void> {
  const said = frames(socket);
  for (const { from, hex } of recorded) {
    if (from === 'daemon') socket.write(Buffer.from(hex, 'hex'));
    else {
      const { value } = await said.next();
      if (value !== hex) throw new Error(`the client sent ${value} instead of ${hex}`);
    }
  }
}

async function* frames(socket: net.Socket): AsyncGenerator<string, undefined> {
  const reader = new FrameReader();
  for await (const chunk of socket) {
    for (const frame of reader.push(chunk)) yield encodeFrame(frame, frame.payload).toString('hex');
  }
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'libvirt-replay-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it('says to a daemon and understands from it what was recorded with libvirt 9.0', async () => {
  const path = join(directory, 'sock');
  const replayed = Promise.withResolvers<void>();
  const server = net.createServer((socket) => void replay(socket).then(replayed.resolve, replayed.reject));
  await new Promise<void>((resolve) => server.listen(path, resolve));

  using client = await connectLibvirt({ transport: { kind: 'unix', path }, name: 'test:///default', keepAlive: null });
  const [result] = await Promise.all([session(client), replayed.promise]);
  server.close();

  const domain = { name: 'recorded-é', uuid: '0f8b6c0a-9d35-4c0e-8a53-3e5f3f1d2c4b', id: -1 };
  expect(result).toMatchObject({
    versions: { libvirt: 9_000_000, hypervisor: 2 },
    host: {
      arch: 'i686',
      memoryKib: 3_145_728,
      cpus: 16,
      mhz: 1400,
      numaNodes: 2,
      socketsPerNode: 2,
      coresPerSocket: 2,
      threadsPerCore: 2,
    },
    domain,
    metadata: `<owner>"a" &amp; b</owner>`,
    title: null,
    stopped: { state: 'shutOff', reason: 'unknown' },
    started: { ...domain, id: expect.any(Number) },
    paused: { state: 'paused', reason: 'user' },
    info: { state: 'paused', maxMemoryKib: 8192, memoryKib: 8192, vcpus: 2, cpuTimeNs: expect.any(BigInt) },
    vcpus: [
      { number: 0, state: 'running' },
      { number: 1, state: 'running' },
    ],
    stats: [{ domain: { name: 'recorded-é' }, stats: { 'state.state': 3, 'state.reason': 1 } }],
    names: ['recorded-é', 'test'],
    missing: null,
    refused: { name: 'LibvirtError', errorName: 'internalError', code: 1, procedure: 'domainCreate' },
    gone: null,
    told: [
      'recorded-é defined added',
      'recorded-é started booted',
      'recorded-é suspended paused',
      'recorded-é stopped destroyed',
      'recorded-é undefined removed',
    ],
  });
  expect(result.capabilities).toContain('<capabilities>');
  expect(result.xml).toContain('<name>recorded-é</name>');
});
