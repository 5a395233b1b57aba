import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { readExactly } from './read-exactly.ts';

test('bytes are read in the portions that are asked for, however they come', async () => {
  const stream = new PassThrough();
  const first = readExactly(stream, 4);
  stream.write('ab');
  stream.write('cdef');
  expect((await first).toString()).toBe('abcd');
  expect((await readExactly(stream, 0)).toString()).toBe('');
  const last = readExactly(stream, 3);
  stream.end('gh');
  expect((await last).toString()).toBe('efg');
});

test('a stream that ends too early is an error, and so is one that fails', async () => {
  const ended = new PassThrough();
  ended.end('ab');
  await expect(readExactly(ended, 3)).rejects.toMatchObject({ kind: 'unavailable' });
  const broken = new PassThrough();
  const reading = readExactly(broken, 1);
  broken.destroy(new Error('cut'));
  await expect(reading).rejects.toThrow('cut');
  expect(broken.listenerCount('readable')).toBe(0);
});
