import { open } from 'node:fs/promises';
import { errnoOf } from '../../errno.ts';

/** The end of a log that virtlogd writes, at most so many bytes: the file before it is read too when it was begun anew just now. */
export async function readLogTail(path: string, maxBytes: number): Promise<string> {
  const newest = await tail(path, maxBytes);
  const older = newest.length < maxBytes ? await tail(`${path}.0`, maxBytes - newest.length) : Buffer.alloc(0);
  return Buffer.concat([older, newest]).toString('utf8');
}

async function tail(path: string, maxBytes: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
