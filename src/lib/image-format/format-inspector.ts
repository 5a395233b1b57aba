import type { Finding, FormatReader, ImageFormat, Wanted } from './format-reader.ts';
import { isoReader } from './readers/iso.ts';
import { luksReader } from './readers/luks.ts';
import { oldFormatsReader } from './readers/old-formats.ts';
import { partitionTableReader } from './readers/partition-table.ts';
import { qcow2Reader } from './readers/qcow2.ts';
import { vdiReader } from './readers/vdi.ts';
import { fixedVhdReader, vhdReader } from './readers/vhd.ts';
import { vhdxReader } from './readers/vhdx.ts';
import { vmdkReader } from './readers/vmdk.ts';

export type { ImageFormat } from './format-reader.ts';

/** What a stream of bytes turned out to be. */
export interface Inspection {
  readonly format: ImageFormat;
  /** Every format it can be read as; more than one is a trap for whoever guesses. A partition table inside another format does not count. */
  readonly formats: readonly ImageFormat[];
  /** Bytes of the disk it describes; null when that cannot be told. */
  readonly virtualSize: number | null;
  /** Why it must not be used; empty when it is safe. */
  readonly problems: readonly string[];
  /** Bytes that were inspected. */
  readonly size: number;
}

/**
 * Tells the format of a disk image from its bytes as they pass by, without seeking and without running anything on them.
 * Memory is bounded whatever the bytes say; it never throws.
 */
export interface FormatInspector {
  push(chunk: Uint8Array): void;
  /** True once something is known that the rest of the stream cannot take back: a format was found, and no earlier bytes can name another. */
  readonly decided: boolean;
  /** What is known so far. */
  result(): Inspection;
  /** What is known now that there are no more bytes. */
  finish(): Inspection;
}

const readers: readonly FormatReader[] = [
  qcow2Reader,
  vmdkReader,
  vdiReader,
  vhdReader,
  fixedVhdReader,
  vhdxReader,
  isoReader,
  luksReader,
  oldFormatsReader,
  partitionTableReader,
];

/** The beginning of the stream, kept whole because every format is told from it. */
const headLength = 65_536;
/** The most any reader is given at once. */
const maxPiece = 1_048_576;
const tailLength = 2048;
/** More pieces than any reader asks for: one that does not end is a fault of ours and is stopped. */
const maxPieces = 16;

interface Reading {
  readonly generator: ReturnType<FormatReader>;
  wanted: Wanted | null;
  piece: Buffer;
  filled: number;
  pieces: number;
}

export function createFormatInspector(): FormatInspector {
  const head = Buffer.alloc(headLength);
  const findings: Finding[] = [];
  let tail = Buffer.alloc(0);
  let size = 0;
  const readings: Reading[] = readers.map((reader) => ({
    generator: reader(),
    wanted: null,
    piece: Buffer.alloc(0),
    filled: 0,
    pieces: 0,
  }));
  for (const reading of readings) proceed(reading, null);

  /** Hands a reader what it wanted, and notes what it wants next. */
  function proceed(reading: Reading, piece: Buffer | null): void {
    const step = piece === null ? reading.generator.next(Buffer.alloc(0)) : reading.generator.next(piece);
    reading.wanted = null;
    if (step.done === true) {
      if (step.value !== null) findings.push(step.value);
      return;
    }
    if (++reading.pieces > maxPieces) return;
    reading.wanted = step.value;
    reading.filled = 0;
    reading.piece = 'tail' in step.value ? Buffer.alloc(0) : Buffer.alloc(Math.max(0, Math.min(step.value.length, maxPiece)));
  }

  /** Serves a reader from the head and the bytes at hand (`chunk`, which begins at `start`), as far as they go. */
  function serve(reading: Reading, chunk: Buffer, start: number): void {
    while (reading.wanted !== null && !('tail' in reading.wanted)) {
      const { from } = reading.wanted;
      const at = (): number => from + reading.filled;
      const inHead = Math.min(size, headLength);
      if (at() < inHead) reading.filled += head.copy(reading.piece, reading.filled, at(), inHead);
      if (at() >= start && at() < start + chunk.length) reading.filled += chunk.copy(reading.piece, reading.filled, at() - start);
      const complete = reading.filled === reading.piece.length;
      if (!complete && at() >= size) return; // still to come
      proceed(reading, reading.piece.subarray(0, reading.filled));
    }
  }

  function result(): Inspection {
    const disks = findings.filter(({ format }) => format !== 'gpt');
    const told = disks.length > 0 ? disks : findings;
    const formats = [...new Set(told.map(({ format }) => format))];
    const [first] = told;
    return {
      format: first?.format ?? 'raw',
      formats: formats.length === 0 ? ['raw'] : formats,
      virtualSize: first === undefined || first.virtualSize === 'all' ? size : first.virtualSize,
      problems: told.flatMap(({ problems, atEnd }) => [...problems, ...(atEnd?.(size) ?? [])]),
      size,
    };
  }

  return {
    push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const start = size;
      if (start < headLength) chunk.copy(head, start);
      size += chunk.length;
      tail = chunk.length >= tailLength ? Buffer.from(chunk.subarray(-tailLength)) : Buffer.concat([tail, chunk]).subarray(-tailLength);
      for (const reading of readings) serve(reading, chunk, start);
    },
    get decided() {
      return findings.length > 0 && readings.every(({ wanted }) => wanted === null || 'tail' in wanted);
    },
    result: () => ({ ...result(), problems: findings.flatMap(({ problems }) => problems) }),
    finish() {
      for (const reading of readings) {
        while (reading.wanted !== null) {
          const { wanted } = reading;
          proceed(
            reading,
            'tail' in wanted ? tail.subarray(-Math.min(wanted.tail, tailLength)) : reading.piece.subarray(0, reading.filled),
          );
        }
      }
      return result();
    },
  };
}
