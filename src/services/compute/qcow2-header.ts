import { open } from 'node:fs/promises';
import { invalid } from '../../lib/errors.ts';

export interface Qcow2Header {
  readonly virtualBytes: number;
  readonly backingFile: string | null;
}

/** What the beginning of a qcow2 file says. For files of our own making only: nothing is judged here. */
export async function readQcow2Header(path: string): Promise<Qcow2Header> {
  await using file = await open(path, 'r');
  const head = Buffer.alloc(72);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  if (bytesRead < head.length || head.readUInt32BE(0) !== 0x5146_49fb) throw invalid(`${path} is not a qcow2 file.`);
  const length = head.readUInt32BE(16);
  let backingFile: string | null = null;
  if (head.readBigUInt64BE(8) !== 0n && length > 0 && length <= 1023) {
    const name = Buffer.alloc(length);
    await file.read(name, 0, length, Number(head.readBigUInt64BE(8)));
    backingFile = name.toString();
  }
  return { virtualBytes: Number(head.readBigUInt64BE(24)), backingFile };
}
