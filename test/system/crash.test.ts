import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chaos, kilonova } from '../simulation/chaos.ts';

/** More rounds: `npm run chaos`. */
const rounds = 10;

let state: string;
beforeAll(async () => void (state = await mkdtemp(join(tmpdir(), 'kilonova-crash-'))));
afterAll(async () => {
  await kilonova('reset', '--state', state);
  await rm(state, { recursive: true, force: true });
});

test('a cloud that is killed again and again keeps its promises and leaves nothing behind', { timeout: 300_000 }, async () => {
  const report = await chaos({ state, rounds, seed: 20_261_121 });
  expect(report.kills).toBeGreaterThanOrEqual(rounds);
  expect(report.acknowledged).toBeGreaterThan(rounds);
  expect(report.takenOver).toBeGreaterThan(0); // kills have hit operations, not only pauses
  expect(report.problems).toEqual([]);
  expect(report.audits.map(({ findings, notAudited }) => ({ findings, notAudited }))).toEqual([
    { findings: [], notAudited: [] },
    { findings: [], notAudited: [] },
  ]);
});
