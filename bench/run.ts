import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Measures a cloud with pretended hypervisors by the script that also measures real Nova, and keeps the table in `bench/README.md`.
 *
 *     npm run bench -- --script ../shared/peers/nova/bench.mjs [--peer ../shared/peers/nova/results] [--repeats 3] [--only boot,version]
 *
 * Both sides' figures come from the same script; ratios are what counts, machines differ.
 */
const root = join(import.meta.dirname, '..');
const peerPlace = join(root, '../shared/peers/nova');
const { values } = parseArgs({
  options: {
    script: { type: 'string', default: join(peerPlace, 'bench.mjs') },
    peer: { type: 'string', default: join(peerPlace, 'results') },
    repeats: { type: 'string', default: '3' },
    only: { type: 'string', default: 'idle,token,version,flavors,groups,candidates,boot,multi,actions,lists' },
    hosts: { type: 'string', default: '1,10' },
  },
});

interface Measurement {
  readonly id: string;
  readonly title: string;
  readonly p50: number;
  readonly rate: number | null;
  readonly rate_unit: string;
}
interface Result {
  readonly measurements: readonly Measurement[];
  readonly cold_start?: { readonly first_list_ms: number };
  readonly memory_idle?: { readonly pss_mib: number };
}

if (!existsSync(values.script)) {
  process.stderr.write(`There is no benchmark script at ${values.script}; name it with --script.\n`);
  process.exit(2);
}

/** Runs a program to its end; its complaints are shown. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env, cwd: root });
  child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args[0] ?? ''} ended with ${code}`))));
  return promise;
}

async function measure(hosts: number): Promise<Result> {
  const state = await mkdtemp(join(tmpdir(), 'kilonova-bench-'));
  const kilonova = join(root, 'kilonova');
  const out = join(root, `bench/results/fake-${hosts}.json`);
  await rm(out, { force: true });
  const up = ['up', '--detach', '--state', state];
  try {
    await run(kilonova, [...up, '--driver', 'fake', '--fake-hosts', String(hosts), '--port-base', String(20_000 + hosts)]);
    await run(kilonova, ['down', '--state', state]);
    // as the peer is measured: a project without quotas
    await appendFile(
      join(state, 'nova.conf'),
      '\n[quota]\ninstances = -1\ncores = -1\nram = -1\nserver_groups = -1\nserver_group_members = -1\n',
    );
    const openrc = await readFile(join(state, 'openrc'), 'utf8');
    const env = {
      ...process.env,
      ...Object.fromEntries([...openrc.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name!, value!])),
    };
    for (let round = 0; round < 3; round++) {
      await run('node', [values.script, 'cold-start', '--cmd', `${kilonova} ${up.join(' ')}`, '--out', out], env);
      await run(kilonova, ['down', '--state', state]);
    }
    await run(kilonova, up);
    const pid = (await readFile(join(state, 'kilonova.pid'), 'utf8')).trim();
    await run(
      'node',
      [
        values.script,
        '--label',
        `Kilonova, ${hosts} fake hosts`,
        '--only',
        values.only,
        '--repeats',
        values.repeats,
        '--pids',
        `kilonova=${pid}`,
        '--out',
        out,
      ],
      env,
    );
    return JSON.parse(await readFile(out, 'utf8')) as Result;
  } finally {
    await run(kilonova, ['down', '--state', state]).catch(() => undefined);
    await rm(state, { recursive: true, force: true });
  }
}

const shown = (value: number | null | undefined, digits = 1): string =>
  value === null || value === undefined ? '–' : value.toFixed(digits);
const times = (ratio: number | undefined): string =>
  ratio === undefined || !Number.isFinite(ratio) ? '–' : `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)}×`;

/** One table: ours beside the peer's, with how many times better we are (rates up; times and memory down). */
function table(hosts: number, ours: Result, peer: Result): string {
  const known = new Map(peer.measurements.map((measurement) => [measurement.id, measurement]));
  const rows = ours.measurements.map((mine) => {
    const theirs = known.get(mine.id);
    const better =
      theirs === undefined ? undefined : mine.rate !== null && theirs.rate !== null ? mine.rate / theirs.rate : theirs.p50 / mine.p50;
    return `| ${mine.title} | ${shown(theirs?.p50)} | ${shown(mine.p50)} | ${shown(theirs?.rate)} | ${shown(mine.rate)} ${mine.rate_unit ?? ''} | ${times(better)} |`;
  });
  const cold = [peer.cold_start?.first_list_ms, ours.cold_start?.first_list_ms] as const;
  const memory = [peer.memory_idle?.pss_mib, ours.memory_idle?.pss_mib] as const;
  return [
    `### ${hosts} fake host${hosts === 1 ? '' : 's'}`,
    '',
    '| what | Nova p50 ms | ours p50 ms | Nova rate | our rate | better |',
    '|---|---:|---:|---:|---:|---:|',
    ...rows,
    `| cold start to the first answered GET /servers | ${shown(cold[0])} | ${shown(cold[1])} | | | ${times(cold[0] !== undefined && cold[1] !== undefined ? cold[0] / cold[1] : undefined)} |`,
    `| idle memory, PSS MiB, all processes and PostgreSQL | ${shown(memory[0], 0)} | ${shown(memory[1], 0)} | | | ${times(memory[0] !== undefined && memory[1] !== undefined ? memory[0] / memory[1] : undefined)} |`,
    '',
  ].join('\n');
}

const tables: string[] = [];
for (const hosts of values.hosts.split(',').map(Number)) {
  const peerFile = join(values.peer, hosts === 1 ? 'nova-26-1-compute.json' : `nova-26-${hosts}-computes.json`);
  const peer = existsSync(peerFile) ? (JSON.parse(await readFile(peerFile, 'utf8')) as Result) : { measurements: [] };
  tables.push(table(hosts, await measure(hosts), peer));
}
const readme = join(root, 'bench/README.md');
const text = await readFile(readme, 'utf8');
const [before] = text.split('<!-- tables -->');
await writeFile(
  readme,
  `${before}<!-- tables -->\nMeasured ${new Date().toISOString().slice(0, 10)}, ${values.repeats} repeat(s), medians.\n\n${tables.join('\n')}`,
);
process.stdout.write(tables.join('\n'));
