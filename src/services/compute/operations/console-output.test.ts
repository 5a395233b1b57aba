import { describe, expect, it } from 'vitest';
import { lastLines } from './console-output.ts';

describe('lastLines', () => {
  it.each([
    ['a\nb\nc\n', 2, 'b\nc'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\nb\n', 5, 'a\nb'],
    ['a\nb\n', 0, ''],
    ['', 3, ''],
    ['\n\n\n', 2, '\n'],
    ['a\n\n', 1, ''],
    ['one', 1, 'one'],
    ['\na', 1, 'a'],
  ])('of %j, %i: %j', (text, count, expected) => {
    expect(lastLines(text, count)).toBe(expected);
  });
});
