import pino from 'pino';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import { apiMigrations } from '../../../src/store/migrations/api.ts';
import { cellMigrations } from '../../../src/store/migrations/cell.ts';
import { simulatedCloud, type CloudDeps, type Databases, type SimulatedCloud } from './cloud.ts';
import { wearDown } from './faults.ts';
import type { Random } from './random.ts';
import { sealProcess } from './sealed-process.ts';
import { simulatedDatabases } from './simulated-database.ts';
import { audited, history, leftovers, servers, underWay } from './verdict.ts';
import { watcher, type Watcher } from './watcher.ts';
import { calmDown, weather } from './weather.ts';
import { workload } from './workload.ts';

/** A rule that is broken on purpose, to see that the simulator sees it. */
export type Sabotage = 'epochs' | 'destroy';

export interface SimulationOptions {
  readonly hosts: number;
  /** Hears everything that happens, line by line. */
  readonly say?: (line: string) => void;
  readonly sabotage?: Sabotage;
}

/** What became of one seed. */
export interface SeedReport {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly accepted: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Seconds of the simulation's own time. */
  readonly seconds: number;
  readonly lines: number;
  /** The same for the same seed. */
  readonly fingerprint: string;
}

const users = 6;
const wantsOfEach = 10;
/** How long everything may take to come to an end once nothing goes wrong any more. */
const restMs = 10 * 60_000;

/** Takes this process for simulations: it has no other time and no other chance afterwards. */
export async function simulator(): Promise<{ readonly run: (seed: number, options: SimulationOptions) => Promise<SeedReport> }> {
  // before the databases, so that PostgreSQL's own timers are of this time, too
  const sealed = sealProcess();
  const databases: Databases = await simulatedDatabases({ api: apiMigrations, cell0: cellMigrations, cell1: cellMigrations });
  return {
    async run(seed, { hosts, say, sabotage }) {
      for (const database of Object.values(databases)) await database.reset();
      const began = (): number => sealed.clock.now();
      let eye: Watcher | null = null;
      const work = async (random: Random): Promise<SeedReport> => {
        const start = began();
        eye = watcher(began, say ?? null);
        const seen = eye;
        const log: Log =
          say === undefined ? silentLog : pino({ level: 'info', base: null }, { write: (line: string) => seen.note(line.trimEnd()) });
        const conditions = weather(random.fork('weather'));
        const cloud = await simulatedCloud({
          databases,
          clock: sealed.clock,
          random,
          weather: conditions,
          hosts,
          watcher: seen,
          log,
          ...(sabotage === undefined ? {} : saboteurs[sabotage]),
        });
        const demand = workload(cloud, random.fork('workload'), seen);
        await live(cloud, random, demand, seen);
        seen.trace('nothing goes wrong any more');
        calmDown(conditions);
        await rest(cloud, seen, [audited, servers, (now) => history(now, demand.ledger)]);
        seen.trace('everything is deleted');
        await deleteAll(cloud);
        await rest(cloud, seen, [audited, leftovers]);
        const { accepted, refused, unanswered } = demand.ledger;
        return {
          seed,
          problems: seen.problems,
          accepted: accepted.length,
          refused,
          unanswered,
          seconds: Math.round((began() - start) / 1000),
          lines: seen.lines,
          fingerprint: seen.fingerprint(),
        };
      };
      return sealed.run(seed, work, () => eye?.afterStep());
    },
  };
}

const saboteurs: Readonly<Record<Sabotage, Partial<Pick<CloudDeps, 'journal' | 'driver'>>>> = {
  /** Hosts obey whoever comes. */
  epochs: { journal: (journal) => ({ ...journal, epoch: () => 0 }) },
  /** Hosts say that a guest is destroyed, and keep it. */
  destroy: { driver: (driver) => ({ ...driver, destroy: () => Promise.resolve() }) },
};

/** Users want things while other things go wrong. */
async function live(cloud: SimulatedCloud, random: Random, demand: ReturnType<typeof workload>, seen: Watcher): Promise<void> {
  await cloud.clock.sleep(5_000); // hosts register
  let stopped = false;
  const wearing = [1, 2].map((number) =>
    wearDown(cloud, random.fork(`faults ${number}`), { watcher: seen, operator: demand, stopped: () => stopped }),
  );
  await Promise.all(Array.from({ length: users }, () => demand.user(wantsOfEach)));
  stopped = true;
  await Promise.all(wearing);
  cloud.network.cutOff.clear();
  for (const service of [...cloud.control, ...cloud.agents.values()]) service.start();
}

/** Waits until nothing is under way and nothing is wrong; what is wrong still when time is over is broken. */
async function rest(cloud: SimulatedCloud, seen: Watcher, looks: readonly ((cloud: SimulatedCloud) => Promise<string[]>)[]): Promise<void> {
  const until = cloud.clock.now() + restMs;
  for (;;) {
    await cloud.clock.sleep(15_000);
    let wrong = await underWay(cloud);
    if (wrong.length === 0) for (const look of looks) wrong = [...wrong, ...(await look(cloud))];
    if (wrong.length === 0) return;
    for (const what of wrong) seen.note(`not yet: ${what}`);
    if (cloud.clock.now() < until) continue;
    for (const what of wrong) seen.broken(what);
    return;
  }
}

async function deleteAll(cloud: SimulatedCloud): Promise<void> {
  for (const { database } of cloud.stores.cells())
    for (const { uuid } of await database
      .selectFrom('instances')
      .select('uuid')
      .where('deleted_at', 'is', null)
      .orderBy('uuid')
      .execute()) {
      const forced = await cloud.ask('alpha.admin', 'POST', `/servers/${uuid}/action`, { forceDelete: null });
      if (forced === null || forced.status >= 400) await cloud.ask('alpha.admin', 'DELETE', `/servers/${uuid}`);
    }
}
