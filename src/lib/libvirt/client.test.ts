import { afterEach, describe, expect, it, vi } from 'vitest';

import { connectLibvirt } from './client.ts';
import type { ConnectOptions, LibvirtClient } from './client.ts';
import { LibvirtConnectionError } from './errors.ts';
import { encodeFrame, frameStatuses, frameTypes } from './frame.ts';
import type { Frame } from './frame.ts';
import { errorPayload, eventFrame, fakeDaemon } from './fixtures/fake-daemon.ts';
import type { Behaviour, FakeDaemon, Received } from './fixtures/fake-daemon.ts';
import { procedures, programs } from './protocol.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).toReversed()) await undo();
});

async function start(
  behaviour: Behaviour = {},
  options: Partial<ConnectOptions> = {},
): Promise<{ daemon: FakeDaemon; client: LibvirtClient }> {
  const daemon = await fakeDaemon(behaviour);
  cleanUp.push(() => daemon[Symbol.asyncDispose]());
  const client = await connectLibvirt({ transport: daemon.transport, name: 'qemu:///system', ...options });
  cleanUp.push(() => client.close());
  return { daemon, client };
}

const domain = { name: 'vm', uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f', id: 1 };
const calls = (daemon: FakeDaemon, name: keyof typeof procedures): number =>
  daemon.received.filter(({ procedure, type }) => procedure === procedures[name].number && type === frameTypes.call).length;
/** Resolves when so many calls have arrived; keeps them unanswered. */
function collect(count: number): {
  readonly arrived: Promise<void>;
  readonly all: Received[];
  readonly take: (received: Received) => void;
} {
  const all: Received[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return { arrived: promise, all, take: (received) => void (all.push(received) === count && resolve()) };
}

describe('connecting', () => {
  it('lists the ways to authenticate, opens the driver and asks for keepalive', async () => {
    const opened = vi.fn();
    const { daemon, client } = await start(
      {
        connectOpen: ({ args, reply }) => {
          opened(args);
          reply();
        },
      },
      { readOnly: true },
    );
    expect(daemon.received.map(({ procedure }) => procedure)).toEqual([66, 1, 60]);
    expect(opened).toHaveBeenCalledWith({ name: 'qemu:///system', flags: 1 });
    expect(client.isOpen).toBe(true);
  });

  it('goes through polkit when that is all there is', async () => {
    const { daemon } = await start({ authList: ({ reply }) => reply({ types: [2] }), authPolkit: ({ reply }) => reply({ complete: 1 }) });
    expect(daemon.received.map(({ procedure }) => procedure)).toEqual([66, 70, 1, 60]);
  });

  it('refuses to go where a password is asked for', async () => {
    await expect(start({ authList: ({ reply }) => reply({ types: [1] }) })).rejects.toMatchObject({ reason: 'refused' });
  });

  it('says where it could not connect to', async () => {
    await expect(connectLibvirt({ transport: { kind: 'unix', path: '/nonexistent/sock' }, name: 'x' })).rejects.toMatchObject({
      reason: 'lost',
      message: 'cannot connect to libvirt at /nonexistent/sock',
      cause: { code: 'ENOENT' },
    });
  });

  it('passes on the daemon refusing the driver', async () => {
    await expect(start({ connectOpen: ({ fail }) => fail(5, 'no connection driver available') })).rejects.toMatchObject({
      name: 'LibvirtError',
      code: 5,
      procedure: 'connectOpen',
    });
  });

  it('gives up after its time and hangs up', async () => {
    const hungUp = Promise.withResolvers<void>();
    const silent: Behaviour = { authList: ({ socket }) => void socket.once('close', hungUp.resolve) };
    await expect(start(silent, { connectTimeoutMs: 30 })).rejects.toMatchObject({ name: 'LibvirtTimeoutError' });
    await hungUp.promise;
  });
});

describe('calls', () => {
  it('go on at the same time and are told apart by their serials', async () => {
    const pending = collect(3);
    const { client } = await start({ domainLookupByName: pending.take });
    const results = Promise.all(['a', 'b', 'c'].map((name) => client.call('domainLookupByName', { name })));
    await pending.arrived;
    for (const { args, reply } of pending.all.toReversed()) reply({ domain: { ...domain, name: String(args['name']) } });
    expect((await results).map((result) => result.domain.name)).toEqual(['a', 'b', 'c']);
  });

  it('reject with all the daemon says', async () => {
    const { client } = await start({ domainLookupByName: ({ fail }) => fail(42, 'Domain not found') });
    await expect(client.call('domainLookupByName', { name: 'x' })).rejects.toMatchObject({
      name: 'LibvirtError',
      message: 'Domain not found',
      code: 42,
      errorName: 'noDomain',
      domain: 10,
      level: 'error',
      procedure: 'domainLookupByName',
    });
  });

  it('never are more than the daemon would read, and long ones leave a place for short ones', async () => {
    const saves = collect(3);
    const { daemon, client } = await start(
      { domainManagedSave: saves.take, domainGetState: ({ reply }) => reply({ state: 1, reason: 1 }) },
      { maxConcurrentCalls: 4 },
    );
    const long = Array.from({ length: 6 }, () => client.call('domainManagedSave', { domain, flags: 0 }));
    await saves.arrived;
    await Promise.all(Array.from({ length: 5 }, () => client.call('domainGetState', { domain, flags: 0 })));
    expect(calls(daemon, 'domainManagedSave')).toBe(3);
    for (const { reply } of saves.all) reply();
    await Promise.all(long.slice(0, 3));
    await vi.waitFor(() => expect(saves.all).toHaveLength(6));
    for (const { reply } of saves.all.slice(3)) reply();
    await Promise.all(long);
  });

  it('end with their deadline, and the late answer harms nobody', async () => {
    const late = collect(1);
    const { client } = await start({ domainGetXml: late.take, domainGetState: ({ reply }) => reply({ state: 1, reason: 1 }) });
    await expect(client.call('domainGetXml', { domain, flags: 0 }, { timeoutMs: 20 })).rejects.toMatchObject({
      name: 'LibvirtTimeoutError',
      message: 'libvirt did not answer domainGetXml within 0.02 s',
    });
    late.all[0]?.reply({ xml: '<domain/>' });
    await expect(client.call('domainGetState', { domain, flags: 0 })).resolves.toEqual({ state: 1, reason: 1 });
  });

  it('end with the signal that was given, before or while they run or wait', async () => {
    const never = collect(1);
    const { daemon, client } = await start({ domainGetXml: never.take }, { maxConcurrentCalls: 1 });
    const controller = new AbortController();
    const running = client.call('domainGetXml', { domain, flags: 0 }, { signal: controller.signal });
    await never.arrived;
    const waiting = client.call('domainGetXml', { domain, flags: 0 }, { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    const late = client.call('domainGetXml', { domain, flags: 0 }, { signal: controller.signal });
    expect(await Promise.allSettled([running, waiting, late])).toEqual([1, 2, 3].map(() => ({ status: 'rejected', reason })));
    expect(calls(daemon, 'domainGetXml')).toBe(1);
  });

  it('refuse arguments that do not fit before anything is sent', async () => {
    const { daemon, client } = await start();
    await expect(client.call('domainLookupByUuid', { uuid: 'x' })).rejects.toMatchObject({ name: 'XdrError' });
    expect(calls(daemon, 'domainLookupByUuid')).toBe(0);
  });
});

describe('the end of a connection', () => {
  it('rejects all calls, sent or waiting, and every later one', async () => {
    const pending = collect(1);
    const { client } = await start({ domainGetXml: pending.take }, { maxConcurrentCalls: 1 });
    const both = [client.call('domainGetXml', { domain, flags: 0 }), client.call('domainGetXml', { domain, flags: 0 })];
    await pending.arrived;
    client.close();
    const error = await client.closed;
    expect(error).toMatchObject({ name: 'LibvirtConnectionError', reason: 'closed' });
    expect(await Promise.allSettled([...both, client.call('connectGetType', {})])).toEqual(
      [1, 2, 3].map(() => ({ status: 'rejected', reason: error })),
    );
    expect(client.isOpen).toBe(false);
  });

  it('is noticed at once when the daemon goes away', async () => {
    const { client } = await start({ domainGetXml: ({ socket }) => void socket.destroy() });
    await expect(client.call('domainGetXml', { domain, flags: 0 })).rejects.toMatchObject({ reason: 'lost' });
    expect(await client.closed).toMatchObject({ message: 'libvirt closed the connection' });
  });

  it('in the middle of a frame is named so', async () => {
    const { client } = await start({ domainGetXml: ({ socket }) => void socket.end(Buffer.from('00000040200080', 'hex')) });
    await expect(client.call('domainGetXml', { domain, flags: 0 })).rejects.toMatchObject({
      reason: 'lost',
      message: 'libvirt closed the connection in the middle of a frame',
    });
  });
});

const frameOf = (changes: Partial<Frame>, payload?: Uint8Array): Buffer =>
  encodeFrame(
    {
      program: programs.remote,
      version: 1,
      procedure: procedures.domainGetState.number,
      type: frameTypes.reply,
      serial: 4,
      status: 0,
      ...changes,
    },
    payload,
  );

describe('frames that libvirt would never send', () => {
  const state = Buffer.from('0000000100000001', 'hex');
  const lifecycle = eventFrame('lifecycle', { callback: 0, domain, event: 0, detail: 0 });

  it.each<[string, Buffer, RegExp]>([
    ['a length of nothing', Buffer.alloc(4), /a frame claims 0 bytes/],
    ['a length without end', Buffer.from('ffffffff', 'hex'), /a frame claims 4294967295 bytes/],
    ['an unknown program', frameOf({ program: 1 }, state), /there is no program 1/],
    ['an unknown version', frameOf({ version: 2 }, state), /version 2 of program/],
    ['an unknown type', frameOf({ type: 9 }, state), /a frame of type 9 was not asked for/],
    ['files with a reply', frameOf({ type: frameTypes.replyWithFds }, state), /a frame of type 5/],
    ['a hole in a stream', frameOf({ type: frameTypes.streamHole }, state), /a frame of type 6/],
    ['a call', frameOf({ type: frameTypes.call }, state), /a frame of type 0/],
    ['a reply nobody waits for', frameOf({ serial: 77 }, state), /a reply to call 77, which was never made/],
    ['an error nobody waits for', frameOf({ serial: 77, status: 1 }, errorPayload(1, 'x')), /a reply to call 77/],
    ['a reply from another procedure', frameOf({ procedure: 1 }), /the reply to domainGetState names another procedure \(1\)/],
    ['a reply that is too short', frameOf({}, state.subarray(0, 6)), /the payload ends early/],
    ['a reply that is too long', frameOf({}, Buffer.concat([state, state])), /8 bytes follow the payload/],
    ['an error without its parts', frameOf({ status: 1 }, state), /the payload ends early/],
    ['a stream nobody opened', frameOf({ type: frameTypes.stream, serial: 77 }), /there is no stream 77/],
    [
      'an unknown keepalive',
      frameOf({ program: programs.keepAlive, procedure: 3, type: frameTypes.message }),
      /there is no keepalive procedure 3/,
    ],
    ['an event without a callback', frameOf({ type: frameTypes.message, procedure: 318 }), /the payload ends early/],
    [
      'an event cut short',
      Buffer.concat([frameOf({ type: frameTypes.message, procedure: 318 }, lifecycle.subarray(28, 60))]),
      /the payload ends early|is more than the payload holds/,
    ],
  ])('end the connection: %s', async (_what, bytes, message) => {
    const { client } = await start(
      {
        connectDomainEventRegister: ({ reply }) => reply({ callback: 0 }),
        domainGetState: ({ socket }) => void socket.write(bytes),
      },
      { keepAlive: null },
    );
    // The handshake took serials 1 and 2, this takes 3, so the call is number 4.
    await client.subscribe('lifecycle', null, () => {});
    const error: unknown = await client.call('domainGetState', { domain, flags: 0 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LibvirtConnectionError);
    expect(error).toMatchObject({ reason: 'protocol', message: expect.stringMatching(message) });
    expect(await client.closed).toBe(error);
  });

  it('may know events we do not', async () => {
    const { client } = await start({
      domainGetState: ({ socket, reply }) => {
        socket.write(frameOf({ type: frameTypes.message, procedure: 9999, serial: 0 }));
        socket.write(frameOf({ type: frameTypes.message, procedure: 6, program: programs.qemu, serial: 0 }));
        reply({ state: 5, reason: 1 });
      },
    });
    await expect(client.call('domainGetState', { domain, flags: 0 })).resolves.toEqual({ state: 5, reason: 1 });
  });
});

describe('events', () => {
  it('reach their handler in order, from the answer to the subscription to its end', async () => {
    const told: string[] = [];
    const { client } = await start({
      connectDomainEventRegister: ({ reply, event }) => {
        reply({ callback: 7 });
        event('lifecycle', { callback: 7, domain, event: 2, detail: 0 });
        event('lifecycle', { callback: 8, domain, event: 0, detail: 0 });
        event('lifecycle', { callback: 7, domain, event: 5, detail: 1 });
      },
      connectDomainEventDeregister: ({ reply, event }) => {
        event('lifecycle', { callback: 7, domain, event: 3, detail: 0 });
        reply();
      },
    });
    const callback = await client.subscribe('lifecycle', domain, (message) =>
      told.push(`${message.domain.name} ${message.event} ${message.detail}`),
    );
    expect(callback).toBe(7);
    await vi.waitFor(() => expect(told).toHaveLength(2));
    await client.unsubscribe('lifecycle', callback);
    await client.unsubscribe('lifecycle', callback);
    expect(told).toEqual(['vm 2 0', 'vm 5 1']);
  });

  it('survive a handler that throws', async () => {
    const errors: unknown[] = [];
    const { client } = await start(
      {
        connectDomainEventRegister: ({ reply, event }) => {
          reply({ callback: 1 });
          event('reboot', { callback: 1, domain });
        },
        domainGetState: ({ reply }) => reply({ state: 1, reason: 1 }),
      },
      { onHandlerError: (error) => errors.push(error) },
    );
    const broken = new Error('broken');
    await client.subscribe('reboot', null, () => {
      throw broken;
    });
    await client.call('domainGetState', { domain, flags: 0 });
    expect(errors).toEqual([broken]);
  });
});

describe('keepalive', () => {
  it('ends the connection when so many pings stayed unanswered', async () => {
    const { daemon, client } = await start({ keepAlive: () => {} }, { keepAlive: { intervalMs: 5, count: 3 } });
    expect(await client.closed).toMatchObject({ reason: 'silent', message: 'libvirt left 3 keepalives unanswered' });
    expect(daemon.received.filter(({ program }) => program === programs.keepAlive)).toHaveLength(3);
  });

  it('goes on as long as pongs come', async () => {
    let pings = 0;
    const many = Promise.withResolvers<void>();
    const { client } = await start(
      {
        keepAlive: ({ frame, socket }) => {
          socket.write(encodeFrame({ ...frame, procedure: 2 }));
          if (++pings === 10) many.resolve();
        },
      },
      { keepAlive: { intervalMs: 5, count: 5 } },
    );
    await many.promise;
    expect(client.isOpen).toBe(true);
  });

  it("answers the daemon's own pings", async () => {
    const ponged = Promise.withResolvers<Frame>();
    const { daemon } = await start({ keepAlive: ({ frame }) => ponged.resolve(frame) }, { keepAlive: null });
    daemon.sockets[0]?.write(
      encodeFrame({ program: programs.keepAlive, version: 1, procedure: 1, type: frameTypes.message, serial: 0, status: frameStatuses.ok }),
    );
    expect(await ponged.promise).toMatchObject({ procedure: 2, type: frameTypes.message, serial: 0 });
  });

  it('is left alone when the daemon does not speak it', async () => {
    const { daemon, client } = await start(
      { connectSupportsFeature: ({ reply }) => reply({ supported: false }), connectGetType: ({ reply }) => reply({ type: 'QEMU' }) },
      { keepAlive: { intervalMs: 1, count: 1 } },
    );
    for (let i = 0; i < 20; i++) await client.call('connectGetType', {});
    expect(daemon.received.some(({ program }) => program === programs.keepAlive)).toBe(false);
  });
});
