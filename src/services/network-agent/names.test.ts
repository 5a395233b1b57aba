import { describe, expect, it } from 'vitest';
import { bridgeMac, bridgeName, cloudWord, insideName, tapName } from './names.ts';

describe('names', () => {
  it('fit into the 15 characters of a device', () => {
    const id = '0123abcd-4567-4111-8111-111111111111';
    expect([bridgeName(id), tapName(id), insideName('qr', id), bridgeMac(id)]).toEqual([
      'brq0123abcd-45',
      'tap0123abcd-45',
      'qr-0123abcd-45',
      expect.stringMatching(/^0a(:[0-9a-f]{2}){5}$/),
    ]);
  });

  it('differ for clouds that differ', () => {
    expect([cloudWord('kilonova'), new Set(['a-b', 'a_b', 'A_b', 'a/b', '../b'].map(cloudWord)).size]).toEqual(['kilonova', 5]);
    expect(cloudWord('../../x"; y')).toMatch(/^[a-z0-9_]+$/);
  });
});
