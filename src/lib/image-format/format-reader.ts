/** Formats of disk images that are told apart. `gpt` is a bare disk with a partition table (GPT or MBR), `raw` is anything without structure we know. */
export type ImageFormat =
  | 'raw'
  | 'gpt'
  | 'iso'
  | 'qcow2'
  | 'vmdk'
  | 'vdi'
  | 'vhd'
  | 'vhdx'
  | 'luks'
  | 'qed'
  | 'qcow'
  | 'parallels'
  | 'bochs'
  | 'cloop';

/** What a reader made out. */
export interface Finding {
  readonly format: ImageFormat;
  /** Bytes of the disk it describes; null when that cannot be told; `all` when it is the file itself. */
  readonly virtualSize: number | null | 'all';
  /** Why it must not be used, each as part of a sentence: "it names a backing file". Empty when it is safe. */
  readonly problems: readonly string[];
  /** What can only be judged once the size of the file is known. */
  readonly atEnd?: (fileSize: number) => readonly string[];
}

/** A piece of the file a reader wants: a range, or so many bytes before the end. */
export type Wanted = { readonly from: number; readonly length: number } | { readonly tail: number };

/**
 * Reads one format from a stream: yields the pieces it wants, in the order they stand in the file, and gets each (shorter where the file ends, or
 * where the piece has already gone by). Answers null when the file is not of this format.
 */
export type FormatReader = () => Generator<Wanted, Finding | null, Buffer>;

/** A size as a number; null when no disk can be that large. */
export const sizeOf = (bytes: bigint): number | null => (bytes <= 1n << 53n ? Number(bytes) : null);

export const truncated = (format: ImageFormat): Finding => ({ format, virtualSize: null, problems: [`its ${format} header is cut off`] });

/** The usual objections to a size that an image claims for its disk. */
export function problemsOfSize(size: number | null): string[] {
  if (size === null) return ['it claims an absurd virtual size'];
  if (size === 0) return ['it claims a virtual size of 0'];
  return size % 512 === 0 ? [] : ['its virtual size is not a multiple of 512 bytes'];
}
