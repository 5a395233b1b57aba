import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { connectLibvirt } from './client.ts';
import type { ConnectOptions, LibvirtClient, OpenStreamOptions } from './client.ts';
import { frameStatuses, frameTypes, STREAM_CHUNK_LIMIT } from './frame.ts';
import { encodeFrame } from './frame.ts';
import { errorPayload, fakeDaemon } from './fixtures/fake-daemon.ts';
import type { Behaviour, FakeDaemon, Received } from './fixtures/fake-daemon.ts';

const { ok, error, more } = frameStatuses;
const domain = { name: 'vm', uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f', id: 1 };
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).toReversed()) await undo();
});

interface Started {
  readonly daemon: FakeDaemon;
  readonly client: LibvirtClient;
  /** The daemon's side of the stream. */
  readonly line: Received;
  readonly stream: Duplex;
}

async function connect(
  behaviour: Behaviour,
  options: Partial<ConnectOptions> = {},
): Promise<{ daemon: FakeDaemon; client: LibvirtClient }> {
  const daemon = await fakeDaemon({ domainGetState: ({ reply }) => reply({ state: 1, reason: 1 }), ...behaviour });
  cleanUp.push(() => daemon[Symbol.asyncDispose]());
  const client = await connectLibvirt({ transport: daemon.transport, name: 'qemu:///system', keepAlive: null, ...options });
  cleanUp.push(() => client.close());
  return { daemon, client };
}

/** Opens a console on a daemon that treats its stream packets so. */
async function openConsole(onPacket: Behaviour['stream'] = () => {}, options: OpenStreamOptions = {}): Promise<Started> {
  const opened = Promise.withResolvers<Received>();
  const { daemon, client } = await connect({
    domainOpenConsole: (received) => {
      received.reply();
      opened.resolve(received);
    },
    stream: onPacket,
  });
  const { stream } = await client.openStream('domainOpenConsole', { domain, device: null, flags: 0 }, options);
  return { daemon, client, line: await opened.promise, stream };
}

const packets = (daemon: FakeDaemon) =>
  daemon.received.filter(({ type }) => type === frameTypes.stream).map(({ status, payload }) => [status, payload.toString()]);
/** A round trip: whatever was sent before it has been read when it resolves. */
const roundTrip = (client: LibvirtClient) => client.call('domainGetState', { domain, flags: 0 });

describe('a duplex stream', () => {
  it('carries bytes both ways until both have finished', async () => {
    const { daemon, stream } = await openConsole(({ frame, stream: say }) => {
      if (frame.status === more) say(more, Buffer.from(frame.payload.toString().toUpperCase()));
      if (frame.status === ok) say(ok);
    });
    stream.write('login');
    expect(String((await once(stream, 'data'))[0])).toBe('LOGIN');
    stream.end('bye');
    await finished(stream);
    expect(packets(daemon)).toEqual([
      [more, 'login'],
      [more, 'bye'],
      [ok, ''],
    ]);
  });

  it('gives what came right behind the answer', async () => {
    const { client } = await connect({
      domainOpenConsole: ({ reply, stream }) => {
        reply();
        stream(more, Buffer.from('early'));
      },
    });
    const { stream } = await client.openStream('domainOpenConsole', { domain, device: null, flags: 0 });
    expect(String((await once(stream, 'data'))[0])).toBe('early');
  });

  it("ends with the daemon's end, and confirms it", async () => {
    const { client, daemon, line, stream } = await openConsole(({ frame, stream: say }) => {
      if (frame.status === ok) say(ok);
    });
    line.stream(more, Buffer.from('last words'));
    line.stream(more);
    expect(String(await buffer(stream))).toBe('last words');
    await roundTrip(client);
    expect(packets(daemon)).toEqual([[ok, '']]);
  });

  it('cuts what is written into packets libvirt accepts', async () => {
    const { daemon, stream } = await openConsole(({ frame, stream: say }) => {
      if (frame.status === ok) say(ok);
    });
    const data = Buffer.alloc(STREAM_CHUNK_LIMIT * 3 + 5, 'x');
    stream.resume().end(data);
    await finished(stream);
    const sizes = daemon.received
      .filter(({ type, status }) => type === frameTypes.stream && status === more)
      .map(({ payload }) => payload.length);
    expect(sizes).toEqual([STREAM_CHUNK_LIMIT, STREAM_CHUNK_LIMIT, STREAM_CHUNK_LIMIT, 5]);
  });

  it.each(['stream', 'reply'] as const)("breaks with the daemon's error, be it a %s", async (type) => {
    const { client, line, stream } = await openConsole();
    if (type === 'reply') line.fail(38, 'broken pipe');
    else line.stream(error, errorPayload(38, 'broken pipe'));
    await expect(finished(stream)).rejects.toMatchObject({ name: 'LibvirtError', errorName: 'systemError', message: 'broken pipe' });
    await roundTrip(client);
  });

  it('is aborted by destroy, and what was on its way is dropped', async () => {
    const aborted = Promise.withResolvers<Received>();
    const { client, daemon, line, stream } = await openConsole((received) => {
      if (received.frame.status === error) aborted.resolve(received);
    });
    stream.destroy();
    await aborted.promise;
    line.stream(more, Buffer.from('late'));
    line.stream(ok);
    await roundTrip(client);
    expect(packets(daemon)).toEqual([[error, '']]);
    line.stream(more, Buffer.from('after the end'));
    expect(await client.closed).toMatchObject({ reason: 'protocol' });
  });

  it('is aborted by the signal it was opened with', async () => {
    const controller = new AbortController();
    const aborted = Promise.withResolvers<void>();
    const { stream } = await openConsole(({ frame }) => void (frame.status === error && aborted.resolve()), { signal: controller.signal });
    controller.abort();
    await expect(finished(stream)).rejects.toMatchObject({ name: 'AbortError' });
    await aborted.promise;
  });

  it('breaks with its connection', async () => {
    const { client, stream } = await openConsole();
    const end = finished(stream);
    client.close();
    await expect(end).rejects.toBe(await client.closed);
  });

  it('that was given up while it was opened is aborted when the daemon says yes', async () => {
    const opening = Promise.withResolvers<Received>();
    const aborted = Promise.withResolvers<void>();
    const { client } = await connect({
      domainOpenConsole: opening.resolve,
      stream: ({ frame, stream }) => {
        if (frame.status !== error) return;
        stream(ok);
        aborted.resolve();
      },
    });
    await expect(client.openStream('domainOpenConsole', { domain, device: null, flags: 0 }, { timeoutMs: 10 })).rejects.toMatchObject({
      name: 'LibvirtTimeoutError',
    });
    const { reply, stream } = await opening.promise;
    stream(more, Buffer.from('hello?'));
    reply();
    await aborted.promise;
    await roundTrip(client);
  });

  it('whose opening is refused never was', async () => {
    const { client } = await connect({ domainOpenConsole: ({ fail }) => fail(55, 'domain is not running') });
    await expect(client.openStream('domainOpenConsole', { domain, device: null, flags: 0 })).rejects.toMatchObject({
      errorName: 'operationInvalid',
    });
    await roundTrip(client);
  });

  it('refuses to change its procedure', async () => {
    const { client, line } = await openConsole();
    line.socket.write(encodeFrame({ ...line.frame, procedure: 1, type: frameTypes.stream, status: more }));
    expect(await client.closed).toMatchObject({ reason: 'protocol', message: expect.stringContaining('changed its procedure') });
  });
});

describe('a reader that is slow', () => {
  it('loses a console rather than the connection', async () => {
    const { client, line, stream } = await openConsole(() => {}, { slowReaderLimit: 1000 });
    for (let i = 0; i < 11; i++) line.stream(more, Buffer.alloc(100));
    await expect(finished(stream)).rejects.toThrow('the reader is more than 1000 bytes behind');
    line.stream(ok);
    await roundTrip(client);
  });

  it('holds back a download, and keepalives wait with it', async () => {
    const kib = Buffer.alloc(1024, 'd');
    const { client } = await connect(
      {
        domainScreenshot: ({ reply, stream }) => {
          reply({ mime: 'image/png' });
          const send = (left: number): void => {
            stream(more, left > 0 ? kib : undefined);
            if (left > 0) setImmediate(send, left - 1); // not all in one chunk
          };
          send(64);
        },
        stream: ({ frame, stream }) => void (frame.status === ok && stream(ok)),
      },
      { keepAlive: { intervalMs: 5, count: 4 } },
    );
    const { result, stream } = await client.openStream('domainScreenshot', { domain, screen: 0, flags: 0 }, { slowReaderLimit: 2048 });
    expect(result).toEqual({ mime: 'image/png' });
    await vi.waitFor(() => expect(stream.readableLength).toBeGreaterThanOrEqual(2048));
    await new Promise((resolve) => setTimeout(resolve, 100)); // twenty keepalive intervals of not listening
    expect(client.isOpen).toBe(true);
    expect(await buffer(stream)).toEqual(Buffer.alloc(64 * 1024, 'd'));
  });
});

it('holds back a writer until the socket has room', async () => {
  const { client, line, stream } = await openConsole(({ frame, stream: say }) => void (frame.status === ok && say(ok)));
  line.socket.pause();
  let written = 0;
  const chunk = Buffer.alloc(1024 * 1024);
  while (stream.write(chunk, () => written++) || written === stream.writableLength / chunk.length) {
    if (stream.writableLength > 64 * chunk.length) break;
  }
  await vi.waitFor(() => expect(stream.writableNeedDrain).toBe(true));
  expect(written).toBe(0);
  line.socket.resume();
  await once(stream, 'drain');
  stream.resume().end();
  await finished(stream);
  await roundTrip(client);
});

it('refuses to open a stream with a call that has none', async () => {
  const { client } = await connect({});
  await expect(client.openStream('domainGetState', { domain, flags: 0 })).rejects.toThrow('domainGetState opens no stream');
});
