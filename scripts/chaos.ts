import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chaos, kilonova } from '../test/simulation/chaos.ts';

/**
 * Kills whole clouds for as long as you like: `npm run chaos -- [clouds] [rounds] [seed]`. Each cloud has its own seed, which is printed, so that
 * what went wrong can be seen again.
 */
const [clouds = 5, rounds = 20, firstSeed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const write = (text: string): void => void process.stdout.write(text);
let survived = 0;
write(
  `${'seed'.padEnd(9)}${'kills'.padEnd(7)}${'accepted'.padEnd(10)}${'unanswered'.padEnd(12)}${'taken over'.padEnd(12)}${'servers'.padEnd(32)}verdict\n`,
);
for (let cloud = 0; cloud < clouds; cloud++) {
  const seed = firstSeed + cloud;
  const state = await mkdtemp(join(tmpdir(), 'kilonova-chaos-'));
  try {
    const { kills, acknowledged, unanswered, takenOver, servers, faults, problems, audits } = await chaos({ state, rounds, seed });
    const findings = audits.flatMap((audit) => [
      ...audit.findings.map(({ subject, what }) => `${subject}: ${what}`),
      ...audit.notAudited.map(({ what, why }) => `${what} was not audited: ${why}`),
    ]);
    const all = [...problems, ...findings];
    if (all.length === 0) survived++;
    const counts = Object.entries(servers).map(([status, count]) => `${count} ${status}`);
    write(
      `${String(seed).padEnd(9)}${String(kills).padEnd(7)}${String(acknowledged).padEnd(10)}${String(unanswered).padEnd(12)}${String(takenOver).padEnd(12)}${counts.join(', ').padEnd(32)}${all.length === 0 ? 'survived' : `${all.length} broken`}\n`,
    );
    for (const line of faults) write(`  in ERROR, as it may: ${line}\n`);
    for (const line of all) write(`  ${line}\n`);
    if (all.length === 0) await kilonova('reset', '--state', state);
    else write(`  its state is kept in ${state}\n`);
  } catch (error) {
    write(`${String(seed).padEnd(9)}${String(error)}\n  its state is kept in ${state}\n`);
    continue;
  }
  await rm(state, { recursive: true, force: true }).catch(() => undefined);
}
write(`${survived} of ${clouds} clouds survived\n`);
process.exitCode = survived === clouds ? 0 : 1;
