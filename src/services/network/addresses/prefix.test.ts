import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultPools,
  eui64Address,
  formatAddress,
  formatPrefix,
  hostRangeOf,
  isWithinRange,
  parseAddress,
  parsePrefix,
  prefixesOverlap,
  prefixOfCidr,
  rangeOf,
  sizeOf,
} from './prefix.ts';

const ipv4 = fc.nat(0xffff_ffff).map((value) => formatAddress({ version: 4, value: BigInt(value) }));
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => formatAddress({ version: 6, value }));

describe('addresses', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (text) => {
        const address = parseAddress(text);
        expect(address === null ? null : formatAddress(address)).toBe(text);
      }),
    );
  });

  it.each(['10.1', '010.0.0.1', '0x7f.1', '10.0.0.256', 'fe80::1%eth0', '', '1.2.3.4 ', '10.0.0.0/8'])(
    'of another spelling are refused: %j',
    (text) => {
      expect(parseAddress(text)).toBeNull();
    },
  );
});

describe('prefixes', () => {
  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8', 'x/8'])(
    'that are malformed are refused: %j',
    (text) => {
      expect(parsePrefix(text)).toBeNull();
    },
  );

  it('overlap exactly when an address is in both', () => {
    const prefix = fc
      .tuple(fc.nat(0xff), fc.integer({ min: 24, max: 32 }))
      .map(([host, length]) => prefixOfCidr(`10.0.0.${host}/${length}`));
    fc.assert(
      fc.property(prefix, prefix, (a, b) => {
        const shared = Array.from({ length: 256 }, (_, index) => rangeOf(prefixOfCidr('10.0.0.0/24')).first + BigInt(index)).some(
          (value) => isWithinRange(value, rangeOf(a)) && isWithinRange(value, rangeOf(b)),
        );
        expect(prefixesOverlap(a, b)).toBe(shared);
      }),
    );
  });

  it('have pools of all hosts but the gateway', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 30 }), fc.nat(), (length, offset) => {
        const prefix = prefixOfCidr(`10.32.0.0/${length}`);
        const hosts = hostRangeOf(prefix);
        const gateway = hosts.first + (BigInt(offset) % sizeOf([hosts]));
        const pools = defaultPools(prefix, gateway);
        expect(sizeOf(pools)).toBe(sizeOf([hosts]) - 1n);
        expect(pools.some((pool) => isWithinRange(gateway, pool))).toBe(false);
      }),
    );
  });

  it('give a host with a MAC address its address', () => {
    expect(formatAddress(eui64Address(prefixOfCidr('fd00:5::/64'), 'fa:16:3e:01:02:03'))).toBe('fd00:5::f816:3eff:fe01:203');
    expect(formatPrefix(prefixOfCidr('FD00:5:0::/64'))).toBe('fd00:5::/64');
  });
});
