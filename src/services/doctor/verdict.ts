import type { Ability, Result } from './check.ts';

/** What the findings come to. */
export interface Verdict {
  /** 0: `up` can run real guests; 1: fake clouds only; 2: neither. */
  readonly exitCode: 0 | 1 | 2;
  readonly fakeClouds: boolean;
  readonly realGuests: { readonly kvm: boolean; readonly emulation: boolean };
  readonly tests: boolean;
  /** The checks in the way, by what they are in the way of. */
  readonly inTheWay: Readonly<Record<Ability, readonly string[]>>;
}

/** Checks that tell how guests can run: one of them must be good. */
export const accelerators = { kvm: 'kvm', emulation: 'emulation' } as const;

export function verdictOf(results: readonly Result[]): Verdict {
  const wrong = (ability: Ability): readonly string[] =>
    results.filter(({ status, neededFor }) => status === 'missing' && neededFor.includes(ability)).map(({ id }) => id);
  const inTheWay: Verdict['inTheWay'] = { fakeClouds: wrong('fakeClouds'), realGuests: wrong('realGuests'), tests: wrong('tests') };
  const runs = (id: string): boolean => results.some((result) => result.id === id && result.status === 'good');
  const fakeClouds = inTheWay.fakeClouds.length === 0;
  const hosts = fakeClouds && inTheWay.realGuests.length === 0;
  const realGuests = { kvm: hosts && runs(accelerators.kvm), emulation: hosts && runs(accelerators.emulation) };
  const real = realGuests.kvm || realGuests.emulation;
  return { exitCode: real ? 0 : fakeClouds ? 1 : 2, fakeClouds, realGuests, tests: real && inTheWay.tests.length === 0, inTheWay };
}
