import { Duplex } from 'node:stream';

import { frameStatuses, STREAM_CHUNK_LIMIT } from './frame.ts';

/** What a stream needs of its connection. */
export interface StreamPort {
  /** Sends one packet of this stream; false when the socket's buffer is full. */
  send(status: number, data?: Uint8Array): boolean;
  /** Calls back when the socket has room again. */
  onceDrained(callback: () => void): void;
  /** This side is done; `settled` tells that the daemon is done too, so that nothing more can come. */
  forget(settled: boolean): void;
  /** Stops and starts reading from the socket: of everything, as the connection is shared. */
  holdReading(held: boolean): void;
}

export interface StreamOptions {
  /**
   * What happens when the reader of this stream is slower than its sender. `pause` stops the whole connection until it has caught up, which
   * suits downloads on a connection of their own; `fail` ends the stream when more than `slowReaderLimit` bytes wait, so that nobody else suffers.
   */
  readonly onSlowReader: 'pause' | 'fail';
  /** In bytes. */
  readonly slowReaderLimit: number;
}

/** The connection's end of a stream. */
export interface StreamEnd {
  readonly duplex: Duplex;
  /** Takes a packet from the daemon. */
  deliver(status: number, data: Buffer): void;
  /** The stream, or its connection, broke. */
  fail(error: Error): void;
}

/**
 * The bytes of a console, a download or an upload.
 *
 * `end()` finishes in libvirt's sense: the daemon confirms, after which 'finish' is emitted. `destroy()` aborts. When the daemon has no more
 * data the stream ends and is finished by itself.
 *
 *     open ──end() or the daemon's end──▶ finishing ──confirmation──▶ done
 *       └────────destroy(): abort sent─────────────────────────────────▲
 */
export function createStream(port: StreamPort, direction: 'download' | 'upload' | 'duplex', options: StreamOptions): StreamEnd {
  let state: 'open' | 'finishing' | 'done' = 'open';
  let confirmed: ((error?: Error | null) => void) | null = null;
  let holding = false;

  const hold = (held: boolean): void => {
    if (holding === held) return;
    holding = held;
    port.holdReading(held);
  };
  const finish = (): void => {
    if (state !== 'open') return;
    state = 'finishing';
    port.send(frameStatuses.ok);
  };
  const settle = (): void => {
    state = 'done';
    port.forget(true);
  };

  // Known to node, though not to its types.
  const sides = { readable: direction !== 'upload', writable: direction !== 'download' };
  const duplex = new Duplex({
    ...sides,
    allowHalfOpen: false,
    readableHighWaterMark: Math.min(options.slowReaderLimit, 1024 * 1024),
    read: () => hold(false),
    write(chunk: Buffer, _encoding, callback) {
      if (state !== 'open') return callback(new Error('the stream is already finished'));
      let room = true;
      for (let start = 0; start < chunk.length; start += STREAM_CHUNK_LIMIT) {
        room = port.send(frameStatuses.more, chunk.subarray(start, start + STREAM_CHUNK_LIMIT));
      }
      if (room) callback();
      else port.onceDrained(() => callback());
    },
    final(callback) {
      if (state === 'done') return callback();
      confirmed = callback;
      finish();
    },
    destroy(error, callback) {
      hold(false);
      if (state === 'open') port.send(frameStatuses.error);
      if (state !== 'done') {
        state = 'done';
        port.forget(false);
      }
      callback(error);
    },
  });

  return {
    duplex,
    deliver(status, data) {
      if (status === frameStatuses.ok) {
        settle();
        if (sides.readable) duplex.push(null);
        confirmed?.();
      } else if (data.length === 0) {
        finish();
        if (sides.readable) duplex.push(null);
      } else if (!duplex.push(Buffer.from(data))) {
        if (options.onSlowReader === 'pause') hold(true);
        else if (duplex.readableLength > options.slowReaderLimit) {
          duplex.destroy(new Error(`the reader is more than ${options.slowReaderLimit} bytes behind`));
        }
      }
    },
    fail(error) {
      if (state !== 'done') settle();
      duplex.destroy(error);
    },
  };
}
