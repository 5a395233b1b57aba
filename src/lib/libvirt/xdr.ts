/**
 * XDR (RFC 4506), as far as libvirt uses it: big-endian, everything padded to four bytes.
 *
 * A type is a value: `struct({ name: string(), uuid: uuid })` both encodes and decodes, and TypeScript infers the shape from it.
 */

/** A frame whose payload does not have the shape its procedure promises, or a value that does not fit its wire type. */
export class XdrError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'XdrError';
  }
}

/** One wire type: `In` is what a caller may give, `Out` what a reader gets. */
export interface Codec<Out, In = Out> {
  write(writer: XdrWriter, value: In): void;
  read(reader: XdrReader): Out;
}

/** What a codec accepts. */
export type Input<C> = C extends Codec<infer _Out, infer In> ? In : never;
/** What a codec yields. */
export type Output<C> = C extends Codec<infer Out, infer _In> ? Out : never;

// What a struct or a list accepts cannot be told from its parts' variance, so any codec is a `Codec<unknown, never>`.
type AnyCodec = Codec<unknown, never>;

const padded = (length: number): number => (length + 3) & ~3;

/** Writes values one after another into a buffer that grows. */
export class XdrWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** Makes room, perhaps in another buffer, so it must be called before the buffer is touched. */
  #claim(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    return start;
  }

  int32(value: number): void {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff) throw new XdrError(`${value} is not a 32-bit integer`);
    const start = this.#claim(4);
    this.#buffer.writeInt32BE(value, start);
  }

  uint32(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new XdrError(`${value} is not an unsigned 32-bit integer`);
    const start = this.#claim(4);
    this.#buffer.writeUInt32BE(value, start);
  }

  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new XdrError(`${value} is not a 64-bit integer`);
    const start = this.#claim(8);
    this.#buffer.writeBigInt64BE(value, start);
  }

  uint64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError(`${value} is not an unsigned 64-bit integer`);
    const start = this.#claim(8);
    this.#buffer.writeBigUInt64BE(value, start);
  }

  double(value: number): void {
    const start = this.#claim(8);
    this.#buffer.writeDoubleBE(value, start);
  }

  /** Raw bytes and their padding, without a length. */
  bytes(value: Uint8Array): void {
    const start = this.#claim(padded(value.length));
    this.#buffer.set(value, start);
    this.#buffer.fill(0, start + value.length, this.#length);
  }

  /** All that was written so far. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads values one after another; every read past the end is an `XdrError`. */
export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  #take(size: number): number {
    if (size > this.remaining) throw new XdrError(`the payload ends early: ${size} bytes expected, ${this.remaining} left`);
    const start = this.#offset;
    this.#offset += size;
    return start;
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  uint64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** A view of raw bytes; their padding is skipped. */
  bytes(length: number): Buffer {
    const start = this.#take(padded(length));
    return this.#buffer.subarray(start, start + length);
  }

  /** A length word, refused when it is beyond what the type allows or the payload can hold. */
  length(maximum: number, bytesEach: number): number {
    const length = this.uint32();
    if (length > maximum) throw new XdrError(`a length of ${length} is over the limit of ${maximum}`);
    if (length * bytesEach > this.remaining) throw new XdrError(`a length of ${length} is more than the payload holds`);
    return length;
  }
}

/** The payload of a value. */
export function encode<In>(codec: Codec<unknown, In>, value: In): Buffer {
  const writer = new XdrWriter();
  codec.write(writer, value);
  return writer.done();
}

/** The value of a payload, which must hold nothing more. */
export function decode<Out>(codec: Codec<Out, never>, payload: Buffer): Out {
  const reader = new XdrReader(payload);
  const value = codec.read(reader);
  if (reader.remaining > 0) throw new XdrError(`${reader.remaining} bytes follow the payload`);
  return value;
}

export const int: Codec<number> = { write: (writer, value) => writer.int32(value), read: (reader) => reader.int32() };
export const uint: Codec<number> = { write: (writer, value) => writer.uint32(value), read: (reader) => reader.uint32() };

/** A 64-bit integer: read as a bigint, given as a bigint or a whole number. */
export const hyper: Codec<bigint, bigint | number> = {
  write: (writer, value) => writer.int64(toBigInt(value)),
  read: (reader) => reader.int64(),
};
/** An unsigned 64-bit integer: read as a bigint, given as a bigint or a whole number. */
export const uhyper: Codec<bigint, bigint | number> = {
  write: (writer, value) => writer.uint64(toBigInt(value)),
  read: (reader) => reader.uint64(),
};

export const double: Codec<number> = { write: (writer, value) => writer.double(value), read: (reader) => reader.double() };

/** libvirt's booleans are ints. */
export const flag: Codec<boolean> = { write: (writer, value) => writer.int32(value ? 1 : 0), read: (reader) => reader.int32() !== 0 };

function toBigInt(value: bigint | number): bigint {
  if (typeof value === 'number' && !Number.isInteger(value)) throw new XdrError(`${value} is not a whole number`);
  return BigInt(value);
}

/** libvirt's own limit for "long, but not unbounded" strings. */
const STRING_LIMIT = 4_194_304;

export const string: Codec<string> = {
  write(writer, value) {
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length > STRING_LIMIT) throw new XdrError(`a string of ${bytes.length} bytes is over the limit of ${STRING_LIMIT}`);
    if (bytes.includes(0)) throw new XdrError('a string holds a NUL byte');
    writer.uint32(bytes.length);
    writer.bytes(bytes);
  },
  read: (reader) => reader.bytes(reader.length(STRING_LIMIT, 1)).toString('utf8'),
};

/** Bytes of any length up to `maximum`; what is read is a copy. */
export const opaque = (maximum: number): Codec<Buffer, Uint8Array> => ({
  write(writer, value) {
    if (value.length > maximum) throw new XdrError(`${value.length} bytes are over the limit of ${maximum}`);
    writer.uint32(value.length);
    writer.bytes(value);
  },
  read: (reader) => Buffer.from(reader.bytes(reader.length(maximum, 1))),
});

/** A C string in a `char[size]`, which XDR sends as one 32-bit word a character. */
export const charArray = (size: number): Codec<string> => ({
  write(writer, value) {
    const bytes = Buffer.from(value, 'latin1');
    if (bytes.length >= size) throw new XdrError(`"${value}" does not fit ${size} characters`);
    for (let i = 0; i < size; i++) writer.int32(bytes[i] ?? 0);
  },
  read(reader) {
    const bytes = Array.from({ length: size }, () => reader.int32() & 0xff);
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.slice(0, end)).toString('latin1');
  },
});

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Sixteen bytes, in TypeScript the usual text in lower case with hyphens. */
export const uuid: Codec<string> = {
  write(writer, value) {
    if (!UUID.test(value)) throw new XdrError(`"${value}" is not a UUID`);
    writer.bytes(Buffer.from(value.replaceAll('-', ''), 'hex'));
  },
  read(reader) {
    const hex = reader.bytes(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
};

/** Any number of values up to `maximum`. */
export function list<Out, In>(item: Codec<Out, In>, maximum: number): Codec<Out[], readonly In[]> {
  return {
    write(writer, values) {
      if (values.length > maximum) throw new XdrError(`${values.length} entries are over the limit of ${maximum}`);
      writer.uint32(values.length);
      for (const value of values) item.write(writer, value);
    },
    read: (reader) => Array.from({ length: reader.length(maximum, 4) }, () => item.read(reader)),
  };
}

/** A value or nothing, which is null. */
export function optional<Out, In>(item: Codec<Out, In>): Codec<Out | null, In | null> {
  return {
    write(writer, value) {
      writer.uint32(value === null ? 0 : 1);
      if (value !== null) item.write(writer, value);
    },
    read: (reader) => (reader.uint32() === 0 ? null : item.read(reader)),
  };
}

/** A struct's fields in the order they are sent. */
export type Fields = Readonly<Record<string, AnyCodec>>;

export type StructOutput<F extends Fields> = { readonly [K in keyof F]: Output<F[K]> };
export type StructInput<F extends Fields> = { readonly [K in keyof F]: Input<F[K]> };

export function struct<F extends Fields>(fields: F): Codec<StructOutput<F>, StructInput<F>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a table's entries lose the types that its fields have
  const entries = Object.entries(fields) as unknown as readonly (readonly [string, Codec<unknown, unknown>])[];
  return {
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, (value as Readonly<Record<string, unknown>>)[name]);
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    read: (reader) => Object.fromEntries(entries.map(([name, codec]) => [name, codec.read(reader)])) as StructOutput<F>,
  };
}

/** A union told apart by an int: `{ type: 'int', value: 5 }`. The table gives each variant's number on the wire. */
export function union<V extends Readonly<Record<string, readonly [tag: number, codec: AnyCodec]>>>(
  variants: V,
): Codec<
  { readonly [K in keyof V]: { readonly type: K; readonly value: Output<V[K][1]> } }[keyof V],
  { readonly [K in keyof V]: { readonly type: K; readonly value: Input<V[K][1]> } }[keyof V]
> {
  type Out = { readonly [K in keyof V]: { readonly type: K; readonly value: Output<V[K][1]> } }[keyof V];
  const byTag = new Map(Object.entries(variants).map(([type, [tag, codec]]) => [tag, { type, codec }]));
  return {
    write(writer, { type, value }) {
      const variant = variants[type];
      if (variant === undefined) throw new XdrError(`there is no variant "${String(type)}"`);
      writer.int32(variant[0]);
      (variant[1] as Codec<unknown, unknown>).write(writer, value);
    },
    read(reader) {
      const tag = reader.int32();
      const variant = byTag.get(tag);
      if (variant === undefined) throw new XdrError(`there is no variant ${tag}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tag chose the codec, so name and value belong together
      return { type: variant.type, value: variant.codec.read(reader) } as Out;
    },
  };
}
