import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';

import {
  charArray,
  decode,
  double,
  encode,
  flag,
  hyper,
  int,
  list,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
  uuid,
  XdrError,
} from './xdr.ts';
import type { Codec, Output } from './xdr.ts';

const value = union({ int: [1, int], text: [7, string], big: [4, uhyper] });
const everything = struct({
  int,
  uint,
  hyper,
  uhyper,
  double,
  flag,
  string,
  uuid,
  opaque: opaque(40),
  model: charArray(8),
  optional: optional(string),
  list: list(struct({ name: string, value }), 5),
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'binary', maxLength: 20 }).map((raw) => raw.toWellFormed().replaceAll('\0', ''));
const anything: fc.Arbitrary<Output<typeof everything>> = fc.record({
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  hyper: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uhyper: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  double: fc.double({ noNaN: true }),
  flag: fc.boolean(),
  string: text,
  uuid: fc.uuid(),
  opaque: bytes(40),
  model: fc.stringMatching(/^[a-z0-9_]{0,7}$/),
  optional: fc.option(text),
  list: fc.array(
    fc.record({
      name: text,
      value: fc.oneof(
        fc.record({ type: fc.constant('int' as const), value: fc.integer({ min: -100, max: 100 }) }),
        fc.record({ type: fc.constant('text' as const), value: text }),
        fc.record({ type: fc.constant('big' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      ),
    }),
    { maxLength: 5 },
  ),
});

describe('round trips', () => {
  it('reads back what it wrote, in a multiple of four bytes', () => {
    fc.assert(
      fc.property(anything, (given) => {
        const payload = encode(everything, given);
        expect(payload.length % 4).toBe(0);
        expect(decode(everything, payload)).toEqual(given);
      }),
    );
  });

  it('refuses every payload that was cut short, and any that goes on', () => {
    fc.assert(
      fc.property(anything, fc.nat(), (given, at) => {
        const payload = encode(everything, given);
        expect(() => decode(everything, payload.subarray(0, at % payload.length))).toThrow(XdrError);
        expect(() => decode(everything, Buffer.concat([payload, Buffer.alloc(4)]))).toThrow('4 bytes follow the payload');
      }),
    );
  });

  it('never fails otherwise than with an XdrError, whatever the bytes', () => {
    fc.assert(
      fc.property(bytes(300), (payload) => {
        try {
          decode(everything, payload);
        } catch (error) {
          expect(error).toBeInstanceOf(XdrError);
        }
      }),
    );
  });

  it('knows the types of its fields', () => {
    expectTypeOf<Output<typeof everything>['list'][number]['value']>().toEqualTypeOf<
      | { readonly type: 'int'; readonly value: number }
      | { readonly type: 'text'; readonly value: string }
      | { readonly type: 'big'; readonly value: bigint }
    >();
    expectTypeOf<Output<typeof everything>['optional']>().toEqualTypeOf<string | null>();
  });
});

it('writes what RFC 4506 says', () => {
  const fields = struct({ number: int, big: hyper, text: string, some: optional(int), none: optional(int) });
  expect(encode(fields, { number: -2, big: 1, text: 'abcde', some: 5, none: null }).toString('hex')).toBe(
    ['fffffffe', '0000000000000001', '00000005', '6162636465000000', '00000001', '00000005', '00000000'].join(''),
  );
});

const refused = <In>(codec: Codec<unknown, In>, given: In): void => {
  expect(() => encode(codec, given)).toThrow(XdrError);
};

describe('refusals', () => {
  it('refuses numbers that do not fit', () => {
    for (const number of [2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN, Infinity]) refused(int, number);
    for (const number of [2 ** 32, -1, 0.5]) refused(uint, number);
    for (const number of [2n ** 63n, -(2n ** 63n) - 1n, 0.5]) refused(hyper, number);
    for (const number of [2n ** 64n, -1n, -1]) refused(uhyper, number);
  });

  it('refuses texts, bytes and lists that do not fit', () => {
    refused(string, 'a\0b');
    refused(string, 'x'.repeat(4_194_305));
    refused(opaque(3), Buffer.alloc(4));
    refused(charArray(4), 'abcd');
    refused(list(int, 1), [1, 2]);
    refused(uuid, 'not-a-uuid');
  });

  it('refuses lengths before it makes room for them', () => {
    expect(() => decode(opaque(10), Buffer.from('0000000b', 'hex'))).toThrow('a length of 11 is over the limit of 10');
    expect(() => decode(list(int, 2 ** 31), Buffer.from('70000000', 'hex'))).toThrow(
      'a length of 1879048192 is more than the payload holds',
    );
    expect(() => decode(value, Buffer.from('00000063', 'hex'))).toThrow('there is no variant 99');
  });
});
