import { describe, expect, it } from 'vitest';
import type { Permissions } from './revocations.ts';
import { revocations } from './revocations.ts';

const port = { zone: 7, addresses: ['10.0.0.3'], groupIds: ['g'], guarded: true };
const before: Permissions = { ports: { p: port }, groups: { g: ['ssh', 'ping 10.0.0.4', 'ping 10.0.0.5'] } };
const lost = [{ zone: 7, address: '10.0.0.3' }];

describe('revocations', () => {
  it.each<[string, Permissions, readonly unknown[]]>([
    ['nothing changed', before, []],
    ['a rule more', { ...before, groups: { g: [...(before.groups['g'] ?? []), 'web'] } }, []],
    ['a rule less', { ...before, groups: { g: ['ping 10.0.0.4', 'ping 10.0.0.5'] } }, lost],
    ['a member of a remote group less', { ...before, groups: { g: ['ssh', 'ping 10.0.0.4'] } }, lost],
    ['another group with the same rules', { ports: { p: { ...port, groupIds: ['h'] } }, groups: { h: before.groups['g'] ?? [] } }, []],
    ['a port gone', { ...before, ports: {} }, lost],
    ['an address gone', { ...before, ports: { p: { ...port, addresses: ['10.0.0.9'] } } }, lost],
    ['port security off', { ports: { p: { ...port, guarded: false, groupIds: [] } }, groups: {} }, []],
  ])('%s', (_name, after, expected) => {
    expect(revocations(before, after)).toEqual(expected);
  });

  it('come with port security', () => {
    expect(revocations({ ...before, ports: { p: { ...port, guarded: false } } }, before)).toEqual(lost);
  });
});
