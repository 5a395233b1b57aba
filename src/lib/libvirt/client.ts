import type { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { Duplex } from 'node:stream';

import { LibvirtConnectionError, LibvirtError, LibvirtTimeoutError } from './errors.ts';
import type { DisconnectReason } from './errors.ts';
import { encodeFrame, frameStatuses, frameTypes, FrameReader } from './frame.ts';
import type { Frame } from './frame.ts';
import { eventNamed, events, procedureNamed, programs, PROTOCOL_VERSION, remoteError } from './protocol.ts';
import type { Arguments, EventMessage, EventName, ProcedureName, Result } from './protocol.ts';
import { createStream } from './stream.ts';
import type { StreamEnd, StreamOptions } from './stream.ts';
import { dial } from './transport.ts';
import type { Transport } from './transport.ts';
import { decode, encode, XdrError, XdrReader } from './xdr.ts';

export interface ConnectOptions {
  readonly transport: Transport;
  /** The driver to open on the daemon, such as `qemu:///system` or `test:///default`. */
  readonly name: string;
  readonly readOnly?: boolean;
  /** Gives up connecting. Once connected it has no meaning any more. */
  readonly signal?: AbortSignal;
  /** For dialling, authentication and opening together, in milliseconds; 10 s when left out. */
  readonly connectTimeoutMs?: number;
  /** How long a call may take, in milliseconds; a minute when left out. */
  readonly callTimeoutMs?: number;
  /** The same for calls that take minutes by nature (migrate, save, dump, start, snapshot); six hours when left out. */
  readonly longCallTimeoutMs?: number;
  /**
   * Calls in flight at once; more wait here for their turn. A daemon stops reading from a client that has `max_client_requests` (5 unless
   * configured) calls open, and then does not even answer keepalives: stay one below. Long calls leave one place free for short ones.
   */
  readonly maxConcurrentCalls?: number;
  /** A ping each interval; the connection is dead when so many in a row stayed without any answer. Null turns it off. */
  readonly keepAlive?: { readonly intervalMs: number; readonly count: number } | null;
  /** Hears what an event's handler throws; a process warning when left out. */
  readonly onHandlerError?: (error: unknown) => void;
}

export interface CallOptions {
  /** Stops the wait, with the signal's reason. The daemon carries the call out all the same: libvirt cannot take one back. */
  readonly signal?: AbortSignal;
  /** Replaces the connection's own deadline for this call, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface OpenStreamOptions extends CallOptions, Partial<StreamOptions> {}

/** A call that waits for its turn or for its answer. */
interface Pending {
  readonly name: ProcedureName;
  readonly payload: Buffer;
  readonly stream: ((serial: number) => StreamEnd) | null;
  /** Reads the result at once, before any later frame; throws when it is malformed. */
  readonly answered: (payload: Buffer, stream: StreamEnd | null) => void;
  readonly failed: (error: unknown) => void;
}

interface Answer<R> {
  readonly result: R;
  readonly stream: StreamEnd | null;
}

const FEATURE_PROGRAM_KEEPALIVE = 10;
const authTypes = { none: 0, sasl: 1, polkit: 2 } as const;
const keepAliveProcedures = { ping: 1, pong: 2 } as const;
const READ_ONLY = 1;

const eventNumbers = new Set(Object.values(events).map(({ number }) => number));
const handlerKey = ({ number }: { readonly number: number }, callback: number): string => `${number}/${callback}`;

/** Connects, authenticates and opens a driver. Throws a `LibvirtConnectionError`, or the daemon's own `LibvirtError`. */
export async function connectLibvirt(options: ConnectOptions): Promise<LibvirtClient> {
  const timeoutMs = options.connectTimeoutMs ?? 10_000;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  let client: LibvirtClient | null = null;
  try {
    client = new LibvirtClient(await dial(options.transport, signal), options);
    await open(client, options, signal);
    return client;
  } catch (error) {
    client?.close();
    if (deadline.aborted && options.signal?.aborted !== true) throw new LibvirtTimeoutError('the connection', timeoutMs);
    throw error;
  }
}

async function open(
  client: LibvirtClient,
  { name, readOnly = false, keepAlive = { intervalMs: 5000, count: 5 } }: ConnectOptions,
  signal: AbortSignal,
): Promise<void> {
  const { types } = await client.call('authList', {}, { signal });
  if (types.length > 0 && !types.includes(authTypes.none)) {
    if (!types.includes(authTypes.polkit)) {
      throw new LibvirtConnectionError('refused', `libvirt asks for an authentication that is not supported (${types.join(', ')})`);
    }
    await client.call('authPolkit', {}, { signal });
  }
  await client.call('connectOpen', { name, flags: readOnly ? READ_ONLY : 0 }, { signal });
  if (keepAlive === null) return;
  const { supported } = await client.call('connectSupportsFeature', { feature: FEATURE_PROGRAM_KEEPALIVE }, { signal });
  if (supported) client.startKeepAlive(keepAlive);
}

/**
 * One open connection. Calls, events and streams share it and do not wait for each other; when it ends, `closed` resolves and all that
 * was open on it fails with the same error. It does not reconnect: its owner does, and knows what to look at afterwards.
 */
export class LibvirtClient implements Disposable {
  /** Resolves with the reason when the connection has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<LibvirtConnectionError>;

  readonly #socket: Socket;
  readonly #options: Required<Pick<ConnectOptions, 'callTimeoutMs' | 'longCallTimeoutMs' | 'maxConcurrentCalls' | 'onHandlerError'>>;
  readonly #reader = new FrameReader();
  readonly #announceEnd: (error: LibvirtConnectionError) => void;
  readonly #waiting = new Set<Pending>();
  /** Sent and not answered, whether or not anybody still listens. */
  readonly #sent = new Map<number, { readonly call: Pending; readonly stream: StreamEnd | null; abandoned: boolean }>();
  readonly #streams = new Map<number, { readonly end: StreamEnd; readonly number: number; readonly program: number }>();
  /** Streams we gave up whose last packet is still to come. */
  readonly #forgottenStreams = new Set<number>();
  /** By the procedure number and the callback id of their messages; each decodes its own. */
  readonly #handlers = new Map<string, (payload: Buffer) => void>();
  readonly #drained = new Set<() => void>();
  readonly #holders = new Set<number>();
  #ended: LibvirtConnectionError | null = null;
  #nextSerial = 1;
  #sentLong = 0;
  #unanswered = 0;
  #keepAliveTimer: NodeJS.Timeout | null = null;

  /** Takes over a connected socket; `connectLibvirt` is the way to get a client that can be used. */
  constructor(
    socket: Socket,
    options: Pick<ConnectOptions, 'callTimeoutMs' | 'longCallTimeoutMs' | 'maxConcurrentCalls' | 'onHandlerError'> = {},
  ) {
    this.#socket = socket;
    this.#options = {
      callTimeoutMs: options.callTimeoutMs ?? 60_000,
      longCallTimeoutMs: options.longCallTimeoutMs ?? 6 * 3_600_000,
      maxConcurrentCalls: options.maxConcurrentCalls ?? 4,
      onHandlerError: options.onHandlerError ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error))),
    };
    const { promise, resolve } = Promise.withResolvers<LibvirtConnectionError>();
    this.closed = promise;
    this.#announceEnd = resolve;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#flushDrained());
    socket.on('error', (cause) => this.#end('lost', 'the connection to libvirt broke', cause));
    socket.on('close', () => {
      const where = this.#reader.buffered > 0 ? ' in the middle of a frame' : '';
      this.#end('lost', `libvirt closed the connection${where}`);
    });
  }

  /** True until the connection has ended. */
  get isOpen(): boolean {
    return this.#ended === null;
  }

  /** Ends the connection at once. What is still open on it fails with reason `closed`. */
  close(): void {
    this.#end('closed', 'the connection to libvirt was closed');
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls a procedure. Rejects with `LibvirtError`, `LibvirtTimeoutError`, `LibvirtConnectionError` or the signal's reason. */
  async call<N extends ProcedureName>(name: N, args: Arguments<N>, options: CallOptions = {}): Promise<Result<N>> {
    const { result } = await this.#start(name, args, options, null);
    return result;
  }

  /** Calls a procedure that opens a stream; the signal aborts the stream as well. */
  async openStream<N extends ProcedureName>(
    name: N,
    args: Arguments<N>,
    options: OpenStreamOptions = {},
  ): Promise<{ readonly result: Result<N>; readonly stream: Duplex }> {
    const direction = procedureNamed(name).stream;
    if (direction === 'none') throw new TypeError(`${name} opens no stream`);
    const { onSlowReader = direction === 'download' ? 'pause' : 'fail', slowReaderLimit = 4 * 1024 * 1024 } = options;
    const { result, stream } = await this.#start(name, args, options, (serial) =>
      this.#stream(name, serial, direction, { onSlowReader, slowReaderLimit }),
    );
    if (stream === null) throw new TypeError(`${name} opened no stream`);
    if (options.signal !== undefined) addAbortSignal(options.signal, stream.duplex);
    return { result, stream: stream.duplex };
  }

  /**
   * Asks for an event and hands its messages to `handler`, in order, from the daemon's yes on. Resolves with the callback's id.
   * `domain` restricts it to one domain. The handler runs while the socket is read: it must be quick and must not throw.
   */
  async subscribe<N extends EventName>(
    name: N,
    domain: Arguments<'connectDomainEventRegister'>['domain'],
    handler: (message: EventMessage<N>) => void,
    options: CallOptions = {},
  ): Promise<number> {
    const kind = eventNamed(name);
    const { result } = await this.#start('connectDomainEventRegister', { event: kind.id, domain }, options, null, ({ callback }) => {
      this.#handlers.set(handlerKey(kind, callback), (payload) => {
        const message = decode(kind.message, payload);
        try {
          handler(message);
        } catch (error) {
          this.#options.onHandlerError(error);
        }
      });
    });
    return result.callback;
  }

  /** Ends a subscription; its handler is not called again from this moment on. */
  async unsubscribe(name: EventName, callback: number, options: CallOptions = {}): Promise<void> {
    if (!this.#handlers.delete(handlerKey(eventNamed(name), callback))) return;
    await this.call('connectDomainEventDeregister', { callback }, options);
  }

  /** Pings the daemon from now on; a daemon that stays silent ends the connection with reason `silent`. */
  startKeepAlive({ intervalMs, count }: { readonly intervalMs: number; readonly count: number }): void {
    if (this.#ended !== null || this.#keepAliveTimer !== null) return;
    this.#keepAliveTimer = setInterval(() => {
      if (this.#holders.size > 0) return; // we do not listen, so silence says nothing
      if (this.#unanswered >= count) return this.#end('silent', `libvirt left ${count} keepalives unanswered`);
      this.#unanswered++;
      this.#sendKeepAlive(keepAliveProcedures.ping);
    }, intervalMs);
    this.#keepAliveTimer.unref();
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #start<N extends ProcedureName>(
    name: N,
    args: Arguments<N>,
    { signal, timeoutMs }: CallOptions,
    stream: Pending['stream'],
    onResult: (result: Result<N>) => void = () => {},
  ): Promise<Answer<Result<N>>> {
    if (this.#ended !== null) throw this.#ended;
    signal?.throwIfAborted();
    const procedure = procedureNamed(name);
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Result<N>>>();
    const call: Pending = {
      name,
      payload: encode(procedure.arguments, args),
      stream,
      answered: (payload, end) => {
        const result = decode(procedure.result, payload);
        onResult(result);
        resolve({ result, stream: end });
      },
      failed: reject,
    };
    const deadlineMs = timeoutMs ?? (procedure.patience === 'long' ? this.#options.longCallTimeoutMs : this.#options.callTimeoutMs);
    const timer = setTimeout(() => this.#abandon(call, new LibvirtTimeoutError(name, deadlineMs)), deadlineMs);
    const onAbort = (): void => this.#abandon(call, signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(call);
    this.#sendWaiting();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Sends what waits, as far as there are places; long calls never take the last one. */
  #sendWaiting(): void {
    const places = this.#options.maxConcurrentCalls;
    for (const call of this.#waiting) {
      if (this.#sent.size >= places) return;
      const { program, number, patience } = procedureNamed(call.name);
      const long = patience === 'long';
      if (long && this.#sentLong >= Math.max(places - 1, 1)) continue;
      this.#waiting.delete(call);
      if (long) this.#sentLong++;
      const serial = this.#nextSerial;
      this.#nextSerial = serial >= 0xffff_ffff ? 1 : serial + 1;
      this.#sent.set(serial, { call, stream: call.stream?.(serial) ?? null, abandoned: false });
      this.#send(programs[program], number, frameTypes.call, serial, frameStatuses.ok, call.payload);
    }
  }

  /** Nobody listens to this call any more. Its place stays taken until the daemon answers. */
  #abandon(call: Pending, reason: unknown): void {
    this.#waiting.delete(call);
    for (const [serial, entry] of this.#sent) {
      if (entry.call !== call) continue;
      entry.abandoned = true;
      this.#streams.delete(serial);
    }
    call.failed(reason);
  }

  #reply(frame: Frame): void {
    const entry = this.#sent.get(frame.serial);
    if (entry === undefined) return this.#streamReply(frame);
    const { call, stream, abandoned } = entry;
    const { program, number, patience } = procedureNamed(call.name);
    if (frame.program !== programs[program] || frame.procedure !== number) {
      throw new XdrError(`the reply to ${call.name} names another procedure (${frame.procedure})`);
    }
    if (frame.status !== frameStatuses.ok) {
      const failure = new LibvirtError(call.name, decode(remoteError, frame.payload));
      this.#streams.delete(frame.serial);
      call.failed(failure);
    } else if (!abandoned) {
      call.answered(frame.payload, stream);
    } else if (stream !== null) {
      this.#forgottenStreams.add(frame.serial);
      this.#send(frame.program, frame.procedure, frameTypes.stream, frame.serial, frameStatuses.error);
    }
    this.#sent.delete(frame.serial);
    if (patience === 'long') this.#sentLong--;
    this.#sendWaiting();
  }

  // ── Streams ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #stream(name: ProcedureName, serial: number, direction: 'download' | 'upload' | 'duplex', options: StreamOptions): StreamEnd {
    const { number, program } = procedureNamed(name);
    const end = createStream(
      {
        send: (status, data) => this.#send(programs[program], number, frameTypes.stream, serial, status, data),
        onceDrained: (callback) => this.#drained.add(callback),
        forget: (settled) => {
          if (this.#streams.delete(serial) && !settled) this.#forgottenStreams.add(serial);
        },
        holdReading: (held) => this.#holdReading(serial, held),
      },
      direction,
      options,
    );
    end.duplex.on('error', () => {}); // an abort before anybody listens must not end the process; `destroy` still tells those who do
    this.#streams.set(serial, { end, number, program: programs[program] });
    return end;
  }

  #streamPacket(frame: Frame): void {
    const stream = this.#streams.get(frame.serial);
    if (stream === undefined) {
      const abandoned = this.#sent.get(frame.serial)?.abandoned === true;
      if (!abandoned && !this.#forgottenStreams.has(frame.serial)) throw new XdrError(`there is no stream ${frame.serial}`);
      if (frame.status !== frameStatuses.more) this.#forgottenStreams.delete(frame.serial);
      return;
    }
    if (frame.program !== stream.program || frame.procedure !== stream.number)
      throw new XdrError(`stream ${frame.serial} changed its procedure`);
    if (frame.status === frameStatuses.error) stream.end.fail(new LibvirtError('stream', decode(remoteError, frame.payload)));
    else stream.end.deliver(frame.status, frame.payload);
  }

  /** A daemon answers a stream's end with a reply when it has to report an error. */
  #streamReply(frame: Frame): void {
    const stream = this.#streams.get(frame.serial);
    if (frame.status !== frameStatuses.error || (stream === undefined && !this.#forgottenStreams.delete(frame.serial))) {
      throw new XdrError(`a reply to call ${frame.serial}, which was never made`);
    }
    stream?.end.fail(new LibvirtError('stream', decode(remoteError, frame.payload)));
  }

  #holdReading(serial: number, held: boolean): void {
    if (held) this.#holders.add(serial);
    else this.#holders.delete(serial);
    if (this.#holders.size > 0) this.#socket.pause();
    else if (this.#socket.isPaused()) {
      this.#unanswered = 0;
      this.#socket.resume();
    }
  }

  #flushDrained(): void {
    const callbacks = [...this.#drained];
    this.#drained.clear();
    for (const callback of callbacks) callback();
  }

  // ── Frames ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #send(program: number, procedure: number, type: number, serial: number, status: number, payload?: Uint8Array): boolean {
    if (this.#ended !== null) return true;
    return this.#socket.write(encodeFrame({ program, version: PROTOCOL_VERSION, procedure, type, serial, status }, payload));
  }

  #sendKeepAlive(procedure: number): void {
    this.#send(programs.keepAlive, procedure, frameTypes.message, 0, frameStatuses.ok);
  }

  #receive(chunk: Buffer): void {
    this.#unanswered = 0;
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (this.#ended !== null) return;
        this.#dispatch(frame);
      }
    } catch (error) {
      this.#end('protocol', `libvirt's protocol was broken: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.version !== PROTOCOL_VERSION) throw new XdrError(`version ${frame.version} of program ${frame.program} is unknown`);
    if (frame.program === programs.keepAlive) {
      if (frame.procedure === keepAliveProcedures.ping) this.#sendKeepAlive(keepAliveProcedures.pong);
      else if (frame.procedure !== keepAliveProcedures.pong) throw new XdrError(`there is no keepalive procedure ${frame.procedure}`);
      return;
    }
    if (frame.program !== programs.remote && frame.program !== programs.qemu) throw new XdrError(`there is no program ${frame.program}`);
    switch (frame.type) {
      case frameTypes.reply:
        return this.#reply(frame);
      case frameTypes.message:
        return this.#event(frame);
      case frameTypes.stream:
        return this.#streamPacket(frame);
      default:
        throw new XdrError(`a frame of type ${frame.type} was not asked for`);
    }
  }

  /** Hands an event to its handler. One this library does not know, or nobody asked for any more, is dropped. */
  #event({ program, procedure, payload }: Frame): void {
    if (program !== programs.remote || !eventNumbers.has(procedure)) return;
    const callback = new XdrReader(payload).int32();
    this.#handlers.get(handlerKey({ number: procedure }, callback))?.(payload);
  }

  #end(reason: DisconnectReason, message: string, cause?: unknown): void {
    if (this.#ended !== null) return;
    const error = new LibvirtConnectionError(reason, message, { cause });
    this.#ended = error;
    if (this.#keepAliveTimer !== null) clearInterval(this.#keepAliveTimer);
    this.#socket.destroy();
    const calls = [...this.#waiting, ...[...this.#sent.values()].map(({ call }) => call)];
    const streams = [...this.#streams.values()];
    this.#waiting.clear();
    this.#sent.clear();
    this.#streams.clear();
    this.#forgottenStreams.clear();
    this.#handlers.clear();
    this.#drained.clear();
    for (const call of calls) call.failed(error);
    for (const { end } of streams) end.fail(error);
    this.#announceEnd(error);
  }
}
