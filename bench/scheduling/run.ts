import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { inProcessBus } from '../../src/lib/rpc/in-process.ts';
import { scheduler as schedulerContract, schedulerTopic } from '../../src/contracts/scheduler.ts';
import { standardTraits } from '../../src/domain/standard-traits.ts';
import { decide, type DeciderDeps } from '../../src/services/scheduler/decide.ts';
import { startScheduler } from '../../src/services/scheduler/start-scheduler.ts';
import { benchCloud } from './bench-cloud.ts';
import { decider } from './decider.ts';
import { madeCloud } from './made-cloud.ts';
import { measure, type Measured } from './measured.ts';
import { packing } from './packing.ts';

/**
 * Measures how fast places are found, and how well hosts are filled, in clouds that are made up from a seed:
 *
 *     node bench/scheduling/run.ts [--hosts 1000,10000,100000] [--seed 1] [--decisions 2000] [--at-once 8] [--only start,pure,claim,candidates,peer,packing]
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1000,10000,100000' },
    seed: { type: 'string', default: '1' },
    decisions: { type: 'string', default: '2000' },
    'at-once': { type: 'string', default: '8' },
    only: { type: 'string', default: 'start,pure,claim,candidates,peer,packing' },
  },
});
const [seed, decisions, atOnce] = [Number(values.seed), Number(values.decisions), Number(values['at-once'])];
const wanted = new Set(values.only.split(','));
/** What a libvirt host with a recent processor reports is about as much. */
const traits = standardTraits
  .filter((name) => /^(COMPUTE_|HW_CPU_X86_A)/.test(name) && name !== 'COMPUTE_STATUS_DISABLED')
  .slice(0, 40)
  .concat('OWNER_NOVA');
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const round = (value: number): number => Number(value.toPrecision(3));
const show = (what: string, { perSecond, p50, p99, count, cpu }: Measured): void =>
  say(
    `  ${what}: ${round(perSecond)}/s, p50 ${round(p50)} ms, p99 ${round(p99)} ms; processor ${round(cpu.node)} ms here and ${round(cpu.postgres)} ms in PostgreSQL each (${count})`,
  );

const results: Record<string, unknown>[] = [];
for (const hosts of values.hosts.split(',').map(Number)) {
  say(`${hosts} hosts`);
  const made = madeCloud({ hosts, seed, full: 0.5, traits });
  await using cloud = await benchCloud(made);
  const result: Record<string, unknown> = { hosts, seed, at: new Date().toISOString() };
  const base = { ...cloud, clock: systemClock, ids: randomIds, log: silentLog };

  if (wanted.has('start')) {
    const bus = inProcessBus();
    const [began, cpuBefore, postgresBefore] = [performance.now(), process.cpuUsage(), cloud.postgresCpuMs()];
    const running = await startScheduler({ ...base, bus });
    const client = bus.client(schedulerTopic, schedulerContract);
    const first = await client.selectDestinations({ spec: made.request(), instanceIds: [randomIds.uuid()] }, { timeoutMs: 120_000 });
    const startMs = Math.round(performance.now() - began);
    const cpu = process.cpuUsage(cpuBefore);
    const start = {
      ms: startMs,
      cpuMs: { node: Math.round((cpu.user + cpu.system) / 1000), postgres: cloud.postgresCpuMs() - postgresBefore },
    };
    result['start'] = start;
    say(
      `  start to the first decision: ${startMs} ms${first.found ? '' : ' (nothing found)'}; processor ${start.cpuMs.node} ms here and ${start.cpuMs.postgres} ms in PostgreSQL`,
    );
    await running.stop();
    await bus.close();
  }
  const deciding = decider(base);
  const one = (deps: DeciderDeps) => () => decide(deps, { spec: made.request(), instanceIds: [randomIds.uuid()] });
  if (wanted.has('pure')) {
    const deps = deciding.withoutClaim();
    await measure(Math.min(500, decisions), 1, one(deps));
    const measured = await measure(decisions, 1, one(deps));
    show('decisions without the claim', measured);
    result['withoutClaim'] = measured;
  }
  if (wanted.has('claim')) {
    await measure(Math.min(500, decisions), atOnce, one(deciding.deps));
    const measured = await measure(decisions, atOnce, one(deciding.deps), cloud.postgresCpuMs);
    show(`decisions with the claim in PostgreSQL, ${atOnce} at a time`, measured);
    result['withClaim'] = measured;
    await deciding.deps.decisions.flush();
  }
  if (wanted.has('candidates')) {
    const ask = async (query: string): Promise<number> => {
      const answer = await fetch(`${cloud.placementUrl}/allocation_candidates?${query}`, {
        headers: { 'x-auth-token': 'admin,service@bench', 'openstack-api-version': 'placement 1.36' },
      });
      return (await answer.arrayBuffer()).byteLength;
    };
    const query = 'resources=VCPU:1,MEMORY_MB:512,DISK_GB:1';
    for (const [name, limit, count] of [
      ['limit=10', '&limit=10', 300],
      ['limit=1000', '&limit=1000', 60],
    ] as const) {
      await measure(10, 1, () => ask(query + limit));
      const measured = await measure(count, 1, () => ask(query + limit));
      show(`GET /allocation_candidates ${name}`, measured);
      result[`candidates ${name}`] = measured;
    }
  }
  globalThis.gc?.();
  const memory = process.memoryUsage();
  result['memoryMiB'] = { rss: Math.round(memory.rss / 2 ** 20), heap: Math.round(memory.heapUsed / 2 ** 20) };
  say(
    `  memory of placement and scheduler: ${Math.round(memory.rss / 2 ** 20)} MiB, ${Math.round(memory.heapUsed / 2 ** 20)} MiB of it on the heap`,
  );
  results.push(result);
}
if (wanted.has('peer')) {
  // what ../shared/peers/nova has asked real Placement, on as many hosts
  for (const hosts of [1, 10]) {
    await using cloud = await benchCloud(madeCloud({ hosts, seed, full: 0, traits }));
    const ask = async (): Promise<number> => {
      const answer = await fetch(`${cloud.placementUrl}/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1000`, {
        headers: { 'x-auth-token': 'admin,service@bench', 'openstack-api-version': 'placement 1.36' },
      });
      return (await answer.arrayBuffer()).byteLength;
    };
    await measure(50, 1, ask);
    const [alone, together] = [await measure(100, 1, ask), await measure(320, 16, ask)];
    say(`${hosts} host${hosts === 1 ? '' : 's'}`);
    show('GET /allocation_candidates, 1 at a time', alone);
    show('GET /allocation_candidates, 16 at a time', together);
    results.push({ hosts, peer: { alone, together } });
  }
}
if (wanted.has('packing')) {
  const packed = await packing({ seed, traits });
  for (const { name, servers } of packed) say(`packing, ${name}: ${servers} servers`);
  results.push({ packing: packed });
}
await mkdir(join(import.meta.dirname, '../results'), { recursive: true });
await writeFile(join(import.meta.dirname, '../results/scheduling.json'), `${JSON.stringify(results, null, 2)}\n`);
