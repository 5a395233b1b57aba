import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeFrame, FRAME_LIMIT, FrameError, FrameReader } from './frame.ts';
import type { Frame } from './frame.ts';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const signed = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const anyFrame: fc.Arbitrary<Frame> = fc.record({
  program: word,
  version: word,
  procedure: signed,
  type: signed,
  serial: word,
  status: signed,
  payload: fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
});

describe('FrameReader', () => {
  it('finds the frames however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, sizes) => {
        const bytes = Buffer.concat(frames.map((frame) => encodeFrame(frame, frame.payload)));
        const reader = new FrameReader();
        const found: Frame[] = [];
        for (let start = 0, i = 0; start < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          found.push(...reader.push(bytes.subarray(start, start + size)));
          start += size;
        }
        expect(found).toEqual(frames);
        expect(reader.buffered).toBe(0);
      }),
    );
  });

  it.each([0, 27, FRAME_LIMIT + 1, 0xffff_ffff])('refuses a frame of %i bytes as soon as it knows the length', (length) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(length);
    expect(() => [...new FrameReader().push(bytes)]).toThrow(FrameError);
  });

  it('waits for a frame of the largest size', () => {
    const reader = new FrameReader();
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(FRAME_LIMIT);
    expect([...reader.push(bytes)]).toEqual([]);
    expect(reader.buffered).toBe(4);
  });
});
