import type { Readable } from 'node:stream';
import { unavailable } from '../errors.ts';

/** The next `count` bytes of a stream that nobody else reads; throws when it ends before. */
export async function readExactly(stream: Readable, count: number): Promise<Buffer> {
  if (count === 0) return Buffer.alloc(0);
  for (;;) {
    const chunk = stream.read(count) as Buffer | null;
    if (chunk?.length === count) return chunk;
    if (chunk !== null || stream.readableEnded || stream.destroyed) throw endedEarly();
    await moreOrEnd(stream);
  }
}

const endedEarly = () => unavailable('The other end closed the connection too early.');

function moreOrEnd(stream: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settle = (): void => {
    stream.off('readable', settle).off('end', settle).off('close', settle).off('error', fail);
    resolve();
  };
  const fail = (error: Error): void => {
    stream.off('readable', settle).off('end', settle).off('close', settle);
    reject(error);
  };
  stream.once('readable', settle).once('end', settle).once('close', settle).once('error', fail);
  return promise;
}
