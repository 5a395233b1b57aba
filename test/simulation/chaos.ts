import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AuditReport } from '../../src/contracts/conductor.ts';
import type { SagaSummary } from '../../src/contracts/operator.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { administrator, type Accepted, type Administrator, type Server } from './administrator.ts';

export interface ChaosOptions {
  /** The state directory of the cloud, which is made in it. */
  readonly state: string;
  readonly rounds: number;
  /** The same seed gives the same wishes and the same moments. */
  readonly seed: number;
  readonly say?: (line: string) => void;
}

/** What a server was last asked for, and whether the cloud had said yes before it was killed. */
type Expectation = 'active' | 'stopped' | 'gone' | 'anything';

export interface ChaosReport {
  readonly kills: number;
  readonly acknowledged: number;
  /** Requests of which nobody knows whether they were accepted. */
  readonly unanswered: number;
  /** Operations that one process began and another ended. */
  readonly takenOver: number;
  /** Servers at the end, by status. */
  readonly servers: Readonly<Record<string, number>>;
  /** What servers in ERROR say of it. */
  readonly faults: readonly string[];
  /** Whatever broke a promise. */
  readonly problems: readonly string[];
  /** The audit before everything is deleted, and after. */
  readonly audits: readonly AuditReport[];
}

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Runs the command line; answers what it printed and its exit code. */
export async function kilonova(
  ...args: readonly string[]
): Promise<{ readonly out: string; readonly error: string; readonly code: number }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [join(root, 'src/main.ts'), ...args], { maxBuffer: 16 * 1024 ** 2 });
    return { out: stdout, error: stderr, code: 0 };
  } catch (error) {
    const { stdout = '', stderr = String(error), code = 1 } = error as { stdout?: string; stderr?: string; code?: number };
    return { out: stdout, error: stderr, code };
  }
}

/** The process that runs the cloud, killed as a power cut would. */
export async function killCloud(state: string): Promise<void> {
  const pid = Number((await readFile(join(state, 'kilonova.pid'), 'utf8')).trim());
  process.kill(pid, 'SIGKILL');
  await waitUntil(async () => ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === '' ? true : null), {
    clock: systemClock,
    timeoutMs: 10_000,
    everyMs: 5,
    what: `The end of process ${pid}`,
  });
}

/** Numbers from 0 to 1 that a seed determines. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Brings a cloud of fake hosts up, kills it at random moments while servers are made, stopped, started and deleted, brings it up again, and so on. In
 * the end every promise is checked: what was accepted has happened or says why not, nothing is half done, and nothing is left behind.
 */
export async function chaos({ state, rounds, seed, say = () => undefined }: ChaosOptions): Promise<ChaosReport> {
  const random = randomOf(seed);
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
  const expected = new Map<string, Expectation>();
  /** Reservations that were accepted just before a kill, with the number of their servers. */
  const nameless = new Map<string, number>();
  let [kills, acknowledged, unanswered] = [0, 0, 0];

  const up = async (): Promise<Administrator> => {
    const { code, error } = await kilonova('up', '--detach', '--driver', 'fake', '--fake-hosts', '3', '--port-base', '0', '--state', state);
    if (code !== 0)
      throw new Error(
        `kilonova up ended with ${code}: ${error}\n${(await readFile(join(state, 'kilonova.log'), 'utf8').catch(() => '')).slice(-2000)}`,
      );
    return administrator(join(state, 'openrc'));
  };
  const wish = async (id: string | null, then: Expectation, request: () => Promise<Accepted>): Promise<void> => {
    const before = id === null ? undefined : expected.get(id);
    if (id !== null) expected.set(id, 'anything');
    try {
      const { accepted, ids, reservation } = await request();
      if (accepted) acknowledged++;
      if (reservation !== undefined && ids.length === 0) nameless.set(reservation.id, reservation.count);
      for (const each of ids) expected.set(each, accepted ? then : (before ?? 'anything'));
    } catch {
      unanswered++;
    }
  };
  /** One thing somebody may want, of what is there and nobody else wants something of. */
  const want = (admin: Administrator, round: number, wanted: Set<string>): Promise<void> => {
    const what = random();
    const id = pick([...expected].flatMap(([each, then]) => (then === 'gone' || wanted.has(each) ? [] : [each])));
    if (id !== undefined) wanted.add(id);
    if (what < 0.5 || id === undefined) return wish(null, 'active', () => admin.create(`chaos-${round}`, 1 + Math.floor(random() * 3)));
    if (what < 0.7) return wish(id, 'stopped', () => admin.act(id, { 'os-stop': null }));
    if (what < 0.8) return wish(id, 'active', () => admin.act(id, { 'os-start': null }));
    return wish(id, 'gone', () => admin.remove(id));
  };

  let admin = await up();
  await admin.liftQuotas();
  for (let round = 1; round <= rounds; round++) {
    const before = acknowledged;
    const enough = Math.floor(random() * 7);
    const wanted = new Set<string>();
    const wishes = Array.from({ length: 6 }, () => want(admin, round, wanted));
    // some kills hit requests, the others what the accepted ones have begun
    await waitUntil(() => (acknowledged - before >= enough ? true : null), {
      clock: systemClock,
      timeoutMs: 3000,
      everyMs: 5,
      what: 'Acceptance',
    }).catch(() => undefined);
    const afterMs = Math.floor(random() ** 2 * 600);
    await systemClock.sleep(afterMs);
    await killCloud(state);
    kills++;
    await Promise.all(wishes);
    say(`round ${round}: killed ${afterMs} ms after ${acknowledged - before} wishes were accepted; ${expected.size} servers are known`);
    if (random() < 0.2) {
      await startAndKill(state, 300 + Math.floor(random() * 1500));
      kills++;
      say(`round ${round}: killed once more while it was starting`);
    }
    admin = await up();
  }

  const problems: string[] = [];
  const settled = await waitUntil(
    async () => {
      const servers = await admin.servers();
      return servers.every(({ taskState, status }) => taskState === null && status !== 'BUILD') && (await sagas(state)).length === 0
        ? servers
        : null;
    },
    { clock: systemClock, timeoutMs: 90_000, everyMs: 250, what: 'The end of all operations' },
  ).catch(async (error: unknown) => {
    problems.push(String(error));
    return admin.servers();
  });
  problems.push(...broken(expected, settled));
  for (const [reservation, count] of nameless) {
    const made = settled.filter(
      ({ reservationId, status }) => reservationId === reservation && ['ACTIVE', 'ERROR'].includes(status),
    ).length;
    if (made !== count) problems.push(`reservation ${reservation} should have ${count} servers, and has ${made}`);
  }
  const takenOver = (await sagas(state, '--all')).filter(({ claims }) => claims > 1).length;
  const audits = [await audit(state)];
  for (const { id } of settled) await admin.remove(id);
  await waitUntil(async () => ((await admin.servers()).length === 0 ? true : null), {
    clock: systemClock,
    timeoutMs: 60_000,
    everyMs: 100,
    what: 'The end of all servers',
  }).catch((error: unknown) => problems.push(String(error)));
  const ports = await admin.serverPorts();
  if (ports.length > 0) problems.push(`${ports.length} ports are left: ${ports.join(', ')}`);
  audits.push(await audit(state));
  await kilonova('down', '--state', state);
  const count = (status: string): number => settled.filter((server) => server.status === status).length;
  return {
    kills,
    acknowledged,
    unanswered,
    takenOver,
    servers: Object.fromEntries([...new Set(settled.map(({ status }) => status))].toSorted().map((status) => [status, count(status)])),
    faults: settled.flatMap(({ id, fault, status }) => (status === 'ERROR' ? [`${id}: ${fault}`] : [])),
    problems,
    audits,
  };
}

/** The promises that were not kept. */
function broken(expected: ReadonlyMap<string, Expectation>, servers: readonly Server[]): string[] {
  const byId = new Map(servers.map((server) => [server.id, server]));
  const wanted: Readonly<Record<Expectation, readonly string[]>> = {
    active: ['ACTIVE', 'ERROR'],
    stopped: ['SHUTOFF', 'ERROR'],
    gone: [],
    anything: ['ACTIVE', 'SHUTOFF', 'ERROR'],
  };
  const wrong = [...expected].flatMap(([id, then]) => {
    const server = byId.get(id);
    if (server === undefined) return then === 'gone' || then === 'anything' ? [] : [`server ${id} should be ${then}, and is gone`];
    return wanted[then].includes(server.status)
      ? []
      : [`server ${id} should be ${then}, and is ${server.status} (task ${server.taskState})`];
  });
  const mute = servers
    .filter(({ status, fault }) => status === 'ERROR' && fault === null)
    .map(({ id }) => `server ${id} is in ERROR and does not say why`);
  const undecided = servers
    .filter(({ status, taskState }) => taskState !== null || !['ACTIVE', 'SHUTOFF', 'ERROR'].includes(status))
    .map(({ id, status, taskState }) => `server ${id} is ${status} in task ${taskState}`);
  return [...wrong, ...mute, ...undecided];
}

export async function audit(state: string): Promise<AuditReport> {
  const { out, error } = await kilonova('inspect', 'audit', '--json', '--state', state);
  try {
    return JSON.parse(out) as AuditReport;
  } catch (cause) {
    throw new Error(`inspect audit answered: ${error}`, { cause });
  }
}

async function sagas(state: string, ...args: readonly string[]): Promise<readonly SagaSummary[]> {
  const { out, error } = await kilonova('inspect', 'sagas', '--json', '--state', state, ...args);
  if (out === '') throw new Error(`inspect sagas answered: ${error}`);
  return (JSON.parse(out) as { readonly sagas: readonly SagaSummary[] }).sagas;
}

/** Starts the cloud in the foreground and kills it before it has come up. */
async function startAndKill(state: string, afterMs: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [join(root, 'src/main.ts'), 'up', '--driver', 'fake', '--fake-hosts', '3', '--port-base', '0', '--state', state],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await waitUntil(() => (existsSync(join(state, 'kilonova.pid')) || child.exitCode !== null ? true : null), {
    clock: systemClock,
    timeoutMs: 20_000,
    everyMs: 5,
    what: 'The start',
  });
  await Promise.race([systemClock.sleep(afterMs), ended]);
  child.kill('SIGKILL');
  await ended;
}
