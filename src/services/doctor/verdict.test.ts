import { describe, expect, it } from 'vitest';
import type { Ability, Result, Status } from './check.ts';
import { table } from './table.ts';
import { verdictOf } from './verdict.ts';

const result = (id: string, status: Status, ...neededFor: Ability[]): Result => ({
  id,
  about: id,
  status,
  found: `${id} is ${status}`,
  remedy: status === 'good' ? null : `mend ${id}`,
  neededFor,
});
const machine = {
  node: result('node', 'good', 'fakeClouds', 'realGuests', 'tests'),
  libvirt: result('libvirt', 'good', 'realGuests', 'tests'),
  kvm: result('kvm', 'good'),
  emulation: result('emulation', 'good'),
};
const codeWith = (...changes: Result[]): number =>
  verdictOf([...Object.values(machine).filter(({ id }) => !changes.some((change) => change.id === id)), ...changes]).exitCode;

describe('verdictOf', () => {
  it('is 0 where real guests run, by KVM or by emulation', () => {
    expect([codeWith(), codeWith(result('kvm', 'warning')), codeWith(result('emulation', 'missing'))]).toEqual([0, 0, 0]);
  });

  it('is 1 where only pretended guests do, and 2 where nothing does', () => {
    expect([
      codeWith(result('libvirt', 'missing', 'realGuests')),
      codeWith(result('kvm', 'warning'), result('emulation', 'missing')),
    ]).toEqual([1, 1]);
    expect(codeWith(result('node', 'missing', 'fakeClouds'))).toBe(2);
  });

  it('takes a warning for no hindrance, and names what is one', () => {
    const { inTheWay } = verdictOf([
      result('a', 'warning', 'fakeClouds'),
      result('b', 'missing', 'fakeClouds', 'tests'),
      result('c', 'missing', 'tests'),
    ]);
    expect(inTheWay).toEqual({ fakeClouds: ['b'], realGuests: [], tests: ['b', 'c'] });
  });
});

describe('table', () => {
  it('gives each finding a line, its remedy another, and ends with the verdict', () => {
    const results = [machine.node, result('kvm', 'warning'), result('libvirt', 'missing', 'realGuests', 'tests')];
    expect(table(results, verdictOf(results))).toBe(
      ' ✓ node     node is good\n' +
        ' ! kvm      kvm is warning\n            → mend kvm\n' +
        ' ✗ libvirt  libvirt is missing\n            → mend libvirt\n\n' +
        'This machine can run: fake clouds ✓, real guests with KVM ✗, real guests by emulation (TCG) ✗, all tests ✗\n',
    );
  });
});
