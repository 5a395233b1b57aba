import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contains,
  hexOf,
  linkLocalOf,
  maskOf,
  nthAddress,
  overlap,
  parseAddress,
  parseInterfaceAddress,
  parseMac,
  parsePrefix,
} from './address.ts';

describe('addresses', () => {
  it('are written anew in one spelling', () => {
    expect([
      parseMac('FA:16:3E:00:00:0a'),
      parseAddress('2001:DB8:0:0::1')?.text,
      parsePrefix('10.0.0.77/24')?.text,
      parsePrefix('2001:db8::ff/64')?.text,
      parsePrefix('10.0.0.1')?.text,
      parseInterfaceAddress('10.0.0.77/24')?.text,
    ]).toEqual(['fa:16:3e:00:00:0a', '2001:db8::1', '10.0.0.0/24', '2001:db8::/64', '10.0.0.1/32', '10.0.0.77/24']);
  });

  it('are refused in every loose spelling', () => {
    for (const text of [
      '',
      '10.0.0',
      '127.1',
      '0x7f000001',
      '10.0.0.1/33',
      '10.0.0.1/',
      '10.0.0.1/24/1',
      '10.0.0.1 drop',
      'fe80::1%eth0',
      '::/129',
      '010.0.0.1',
      '10.0.0.1\n',
    ]) {
      expect([text, parseAddress(text), parsePrefix(text)]).toEqual([text, null, null]);
    }
    for (const text of ['', 'fa:16:3e:00:00', 'fa-16-3e-00-00-01', '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', 'fa:16:3e:00:00:01;'])
      expect([text, parseMac(text)]).toEqual([text, null]);
  });

  it('come out of any text as null or without anything but their own characters', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        for (const value of [parseMac(text), parseAddress(text)?.text ?? null, parsePrefix(text)?.text ?? null])
          expect(value === null || /^[0-9a-f:./]+$/.test(value)).toBe(true);
      }),
    );
  });

  it('know their ranges', () => {
    const prefix = parsePrefix('10.0.0.0/23')!;
    expect([
      contains(prefix, parseAddress('10.0.1.255')!),
      contains(prefix, parseAddress('10.0.2.0')!),
      contains(prefix, parseAddress('::1')!),
      maskOf(prefix),
      nthAddress(prefix, 1)?.text,
      nthAddress(prefix, 257)?.text,
      nthAddress(prefix, 512),
    ]).toEqual([true, false, false, '255.255.254.0', '10.0.0.1', '10.0.1.1', null]);
    expect([
      overlap(prefix, parsePrefix('10.0.1.0/24')!),
      overlap(parsePrefix('10.0.1.0/24')!, prefix),
      overlap(prefix, parsePrefix('10.0.2.0/24')!),
    ]).toEqual([true, true, false]);
  });

  it('know the link-local address of a card', () => {
    expect([linkLocalOf(parseMac('fa:16:3e:12:34:56')!).text, hexOf(linkLocalOf(parseMac('00:00:00:00:00:01')!))]).toEqual([
      'fe80::f816:3eff:fe12:3456',
      '0xfe80000000000000020000fffe000001',
    ]);
  });
});
