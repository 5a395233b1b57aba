import { Command, InvalidArgumentError } from 'commander';
import { simulator } from '../test/simulation/simulator/simulate.ts';

/**
 * Runs whole clouds in this process, on a time of their own, while messages get lost and hosts and conductors die:
 *
 *     npm run simulate -- [--seeds 1000] [--first 1] [--hosts 50]     one cloud for each seed
 *     npm run simulate -- --first 17 --seeds 1 --trace                one of them again, with all that happens
 */
const number = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};
const write = (text: string): void => void process.stdout.write(text);
const options = new Command('npm run simulate --')
  .description('Simulate clouds in which things go wrong, and see whether every promise is kept.')
  .option('--seeds <n>', 'how many clouds', number, 1000)
  .option('--first <n>', 'the seed of the first; each further one has the next', number, 1)
  .option('--hosts <n>', 'compute hosts of each', number, 50)
  .option('--trace', 'print everything that happens', false)
  .option('--until-broken', 'stop at the first that breaks a promise', false)
  .option('--sabotage <rule>', 'break a rule on purpose: epochs or destroy')
  .showHelpAfterError()
  .parse()
  .opts<{ seeds: number; first: number; hosts: number; trace: boolean; untilBroken: boolean; sabotage?: 'epochs' | 'destroy' }>();

/** The process is sealed soon: this is the time that goes on outside. */
const began = process.hrtime.bigint();
const seconds = (): number => Number(process.hrtime.bigint() - began) / 1e9;
const { run } = await simulator();
const failed: number[] = [];
let done = 0;
const totals = { accepted: 0, refused: 0, unanswered: 0, lines: 0, seconds: 0 };
for (let seed = options.first; seed < options.first + options.seeds; seed++) {
  const report = await run(seed, {
    hosts: options.hosts,
    ...(options.trace ? { say: (line: string) => write(`${line}\n`) } : {}),
    ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
  });
  done++;
  totals.accepted += report.accepted;
  totals.refused += report.refused;
  totals.unanswered += report.unanswered;
  totals.lines += report.lines;
  totals.seconds += report.seconds;
  if (report.problems.length > 0) {
    failed.push(seed);
    write(
      `seed ${seed} BROKEN ${report.fingerprint.slice(0, 12)}\n${report.problems
        .slice(0, 20)
        .map((problem) => `  ${problem}\n`)
        .join('')}`,
    );
    write(`  once more: npm run simulate -- --first ${seed} --seeds 1 --hosts ${options.hosts} --trace\n`);
    if (options.untilBroken) break;
  } else if (options.seeds <= 50 || seed % 50 === 0) {
    write(
      `seed ${seed} kept every promise ${report.fingerprint.slice(0, 12)}: ${report.accepted} operations, ${report.seconds} s in all, at ${seconds().toFixed(0)} s\n`,
    );
  }
}
write(`
seeds           ${done} from ${options.first}, ${options.hosts} hosts each
kept            ${done - failed.length}
broken          ${failed.length}${failed.length > 0 ? `: ${failed.join(', ')}` : ''}
operations      ${totals.accepted} accepted, ${totals.refused} refused, ${totals.unanswered} unanswered
events          ${totals.lines}
simulated time  ${(totals.seconds / 3600).toFixed(1)} h
real time       ${seconds().toFixed(0)} s, ${((process.cpuUsage().user + process.cpuUsage().system) / 1e6).toFixed(0)} s of processor time
`);
process.exit(failed.length > 0 ? 1 : 0);
