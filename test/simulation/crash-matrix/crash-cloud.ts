import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { systemClock } from '../../../src/lib/clock.ts';
import { messageOf } from '../../../src/lib/errors.ts';
import { serverProcesses } from '../../../src/lib/postgres/orphans.ts';
import { runningServerUrl } from '../../../src/lib/postgres/running-server.ts';
import { openDatabase, type Database } from '../../../src/lib/sql/database.ts';
import { waitUntil } from '../../../src/lib/retry.ts';
import { hostLeftovers } from '../../../src/services/inspect/host-leftovers.ts';
import { hostMarks } from '../../../src/services/up/host-marks.ts';
import { runningPid, stateDirectory } from '../../../src/services/up/state-directory.ts';
import { administrator, type Administrator } from '../administrator.ts';
import { audit, kilonova, killCloud } from '../chaos.ts';
import type { VictimName } from './cells.ts';
import { daemonPids, isAlive } from './processes.ts';

/** How a saga stands in the database. */
export interface SagaLine {
  readonly name: string;
  readonly state: string;
  readonly failure: { readonly message: string } | null;
  readonly log: readonly { readonly step: string; readonly event: string; readonly ms: number }[];
}

/** A cloud of real guests whose parts are killed. */
export interface CrashCloud {
  readonly state: string;
  admin(): Administrator;
  /** The database's time. */
  now(): Promise<string>;
  /** The sagas of these names (all for null) that began since then. */
  sagas(names: readonly string[] | null, since: string): Promise<readonly SagaLine[]>;
  kill(victim: VictimName): Promise<void>;
  /** Until the victim is back: Kilonova is started, the others must be by Kilonova. */
  back(victim: VictimName): Promise<void>;
  /** Whether Kilonova has died without being asked. */
  died(): Promise<boolean>;
  audit(): Promise<readonly string[]>;
  /** Everything of the cloud on this host and in its directories, without numbers that change. */
  inventory(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const until = (what: string, probe: () => Promise<true | null>, seconds: number, everyMs = 20): Promise<true> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs, what });

export async function startCrashCloud(state: string): Promise<CrashCloud> {
  const directory = stateDirectory(state);
  const postgres = join(state, 'postgresql');
  let admin: Administrator;
  let pid: number | null = null;
  let databases: readonly Database<never>[] = [];

  const up = async (): Promise<void> => {
    const { code, error } = await kilonova('up', '--detach', '--driver', 'libvirt', '--port-base', '0', '--state', state);
    if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}\n${await tailOf(directory.logFile)}`);
    admin = await administrator(directory.openrc);
    pid = await runningPid(directory);
  };
  const postmaster = async (): Promise<number | null> =>
    (await serverProcesses(join(postgres, 'data'))).find(({ leads }) => leads)?.pid ?? null;
  const victimPid = async (victim: VictimName): Promise<number | null> =>
    victim === 'kilonova' ? runningPid(directory) : victim === 'postgresql' ? postmaster() : ((await daemonPids('libvirtd'))[0] ?? null);
  const killed: Partial<Record<VictimName, number>> = {};

  await up();
  databases = await Promise.all(
    ['nova_cell0', 'nova_cell1'].map(async (name) => {
      const url = await runningServerUrl(postgres, name);
      if (url === null) throw new Error('the cloud has no database');
      return openDatabase<never>(url, { maxConnections: 2, name: 'crash matrix' });
    }),
  );
  return {
    state,
    admin: () => admin,
    async now() {
      const { rows } = await sql<{ now: string }>`SELECT now() AS now`.execute(databases[0]!);
      return rows[0]!.now;
    },
    async sagas(names, since) {
      const found = await Promise.all(
        databases.map((database) =>
          sql<SagaLine>`SELECT name, state, failure, log FROM sagas
            WHERE created_at >= ${since}::timestamptz AND (${names === null} OR name = ANY(${names ?? []})) ORDER BY created_at`.execute(
            database,
          ),
        ),
      );
      return found.flatMap(({ rows }) => rows);
    },
    async kill(victim) {
      const found = await victimPid(victim);
      if (found === null) throw new Error(`there is no ${victim} to kill`);
      killed[victim] = found;
      if (victim === 'kilonova') return killCloud(state);
      process.kill(found, 'SIGKILL');
      await until(`The end of ${victim}`, async () => ((await isAlive(found)) ? null : true), 10, 5);
    },
    async back(victim) {
      if (victim === 'kilonova') return up();
      await until(
        `The return of ${victim}`,
        async () => {
          const found = await victimPid(victim);
          return found !== null && found !== killed[victim] ? true : null;
        },
        30,
      );
      if (victim === 'postgresql')
        await until(
          'An answer of PostgreSQL',
          async () =>
            sql`SELECT 1`.execute(databases[0]!).then(
              () => true as const,
              () => null,
            ),
          30,
        );
    },
    died: async () => (await runningPid(directory)) !== pid,
    async audit() {
      const report = await audit(state);
      return [
        ...report.findings.map(({ invariant, subject, what }) => `${invariant}: ${subject}: ${what}`),
        ...report.notAudited.map(({ what, why }) => `${what} was not audited: ${why}`),
      ];
    },
    async inventory() {
      const { leftovers, notSeen } = await hostLeftovers(await hostMarks(directory, {}));
      if (notSeen.length > 0) throw new Error(`not seen: ${notSeen.join(', ')}`);
      const things = leftovers.flatMap(({ kind, name }) => {
        if (kind !== 'process') return [`${kind} ${name}`];
        const program = name.split(' ').at(-1) ?? '';
        return /^qemu-|^dnsmasq|^haproxy/.test(program) ? [`process ${program}`] : [];
      });
      const files = await Promise.all(
        ['instances', 'volumes'].map(async (name) =>
          (await readdir(join(state, name), { recursive: true }).catch(() => []))
            .filter((path) => !path.startsWith('_base'))
            .map((path) => `${name}/${path}`),
        ),
      );
      return [...things, ...files.flat()].toSorted();
    },
    async stop() {
      await Promise.all(databases.map((database) => database.destroy()));
    },
  };
}

export async function tailOf(logFile: string, lines = 15): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch((error: unknown) => messageOf(error));
  const worth = text.split('\n').filter((line) => /"level":(?:50|60)|"level":"(?:error|fatal)"/.test(line));
  return (worth.length > 0 ? worth : text.split('\n'))
    .slice(-lines)
    .map((line) => line.slice(0, 600))
    .join('\n');
}
