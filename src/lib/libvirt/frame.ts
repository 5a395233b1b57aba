/**
 * libvirt's packets. Each begins with seven 32-bit words:
 * length (of everything, itself included), program, version, procedure, type, serial, status — and the payload follows.
 */

export const HEADER_LENGTH = 28;
/** libvirt's `VIR_NET_MESSAGE_MAX`, which does not count the length word. */
export const FRAME_LIMIT = 33_554_432 + 4;
/** The most bytes libvirt puts into one stream packet. */
export const STREAM_CHUNK_LIMIT = 262_120;

export const frameTypes = { call: 0, reply: 1, message: 2, stream: 3, callWithFds: 4, replyWithFds: 5, streamHole: 6 } as const;
export const frameStatuses = { ok: 0, error: 1, more: 2 } as const;

export interface Frame {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** The bytes of a frame. */
export function encodeFrame(frame: Omit<Frame, 'payload'>, payload: Uint8Array = NOTHING): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_LENGTH + payload.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(frame.program, 4);
  bytes.writeUInt32BE(frame.version, 8);
  bytes.writeInt32BE(frame.procedure, 12);
  bytes.writeInt32BE(frame.type, 16);
  bytes.writeUInt32BE(frame.serial, 20);
  bytes.writeInt32BE(frame.status, 24);
  bytes.set(payload, HEADER_LENGTH);
  return bytes;
}

/** A length no libvirt packet has, after which nothing of the byte stream can be trusted. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

/** Cuts a byte stream into frames. A large frame is put together once, when its last byte is there. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #buffered = 0;

  /** Bytes that wait for the rest of their frame. */
  get buffered(): number {
    return this.#buffered;
  }

  /** The frames that are complete with this chunk; throws a `FrameError` for a length that cannot be. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (this.#buffered >= 4) {
      const length = this.#peekLength();
      if (length < HEADER_LENGTH || length > FRAME_LIMIT) throw new FrameError(`a frame claims ${length} bytes`);
      if (this.#buffered < length) return;
      yield parseFrame(this.#take(length));
    }
  }

  #peekLength(): number {
    const first = this.#chunks[0];
    return first !== undefined && first.length >= 4 ? first.readUInt32BE(0) : this.#joined().readUInt32BE(0);
  }

  #joined(): Buffer {
    const [only, ...others] = this.#chunks;
    if (only !== undefined && others.length === 0) return only;
    const all = Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [all];
    return all;
  }

  #take(length: number): Buffer {
    const all = this.#joined();
    this.#buffered -= length;
    this.#chunks = this.#buffered > 0 ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }
}

const parseFrame = (bytes: Buffer): Frame => ({
  program: bytes.readUInt32BE(4),
  version: bytes.readUInt32BE(8),
  procedure: bytes.readInt32BE(12),
  type: bytes.readInt32BE(16),
  serial: bytes.readUInt32BE(20),
  status: bytes.readInt32BE(24),
  payload: bytes.subarray(HEADER_LENGTH),
});
