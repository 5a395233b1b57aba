import { expect, expectTypeOf, it } from 'vitest';

import { events, procedures } from './protocol.ts';
import type { Arguments, EventMessage, Result } from './protocol.ts';

it('gives no number to two procedures or events', () => {
  const numbers = Object.values(procedures).map(({ program, number }) => `${program}/${number}`);
  const eventNumbers = Object.values(events).map(({ number }) => number);
  const eventIds = Object.values(events).map(({ id }) => id);
  for (const all of [numbers, eventNumbers, eventIds]) expect(new Set<unknown>(all).size).toBe(all.length);
});

it('tells TypeScript what calls take and give', () => {
  expectTypeOf<Arguments<'domainBlockResize'>['size']>().toEqualTypeOf<number | bigint>();
  expectTypeOf<Result<'domainGetState'>>().toEqualTypeOf<{ readonly state: number; readonly reason: number }>();
  expectTypeOf<EventMessage<'balloonChange'>['actual']>().toEqualTypeOf<bigint>();
  expectTypeOf<EventMessage<'reboot'>['callback']>().toEqualTypeOf<number>();
});
