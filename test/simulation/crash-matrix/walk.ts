import { systemClock } from '../../../src/lib/clock.ts';
import { messageOf } from '../../../src/lib/errors.ts';
import { waitUntil } from '../../../src/lib/retry.ts';
import { nameOf, nextOperation, operation, type Cell, type Operation, type OperationName } from './cells.ts';
import type { CrashCloud, SagaLine } from './crash-cloud.ts';
import { guestPid, isAlive } from './processes.ts';
import { ask, createServer, hasBooted, look, makeSubject, wordsOf, type Seen, type Subject } from './subject.ts';

/** What became of one death. */
export interface CellReport {
  readonly cell: string;
  /** The step that was under way, and for how long since the log had its lines. */
  readonly step: string;
  readonly afterMs: number;
  /** Lines in the log when the blow fell. */
  readonly lines: number;
  readonly ended: 'done' | 'undone' | null;
  readonly reason: string | null;
  /** From the blow to the end of the operation. */
  readonly ms: number;
  /** Whatever broke a promise; none when the cell survived. */
  readonly problems: readonly string[];
}

export interface WalkOptions {
  readonly cloud: CrashCloud;
  readonly cells: readonly Cell[];
  /** From 0 to 1: how far into a step the blow falls. */
  readonly random: () => number;
  readonly report: (report: CellReport) => void;
}

/** An operation may take this long after a death, however slow the machine is. */
const patienceSeconds = 150;
/** Emulated guests of a machine that is busy with other things boot for minutes. */
const bootSeconds = 600;

/** Tries cells on one cloud, one after the other, and stops at the first that is broken. Answers those that are still to be tried. */
export async function walk({ cloud, cells, random, report }: WalkOptions): Promise<readonly Cell[]> {
  /** How long steps have taken so far, so that a blow falls anywhere into one. */
  const usualMs = new Map<string, number>();
  const until = <T>(what: string, probe: () => Promise<T | null>, seconds = patienceSeconds, everyMs = 50): Promise<T> =>
    waitUntil(() => probe().catch(() => null), { clock: systemClock, timeoutMs: seconds * 1000, everyMs, what });

  let subject: Subject = await makeSubject(cloud.admin());
  const bystander = await createServer(cloud.admin(), 'bystander', subject.flavors[0]);
  await until('The bystander', async () =>
    (await cloud.admin().servers()).find(({ id }) => id === bystander)?.status === 'ACTIVE' ? true : null,
  );
  await until('The bystander’s boot', () => hasBooted(cloud.admin(), bystander), bootSeconds);
  await until('The volume', async () => ((await look(cloud.admin(), subject)).stage === 'none' ? true : null));
  const bystanderPid = await guestPid(bystander);
  const baseline = await cloud.inventory();

  /** The subject once nothing is being done to it. */
  const settled = async (
    since: string,
    { sagas: names }: Operation,
  ): Promise<{ readonly seen: Seen; readonly sagas: readonly SagaLine[] }> => {
    let last = '';
    return until('The end', async () => {
      if ((await cloud.sagas(null, since)).some(({ state }) => state !== 'done' && state !== 'undone')) return null;
      const seen = await look(cloud.admin(), subject);
      last = wordsOf(seen);
      return seen.stage === 'busy' ? null : { seen, sagas: await cloud.sagas(names, since) };
    }).catch(async () => {
      const open = (await cloud.sagas(null, since)).filter(({ state }) => state !== 'done' && state !== 'undone');
      throw new Error(
        `it does not end within ${patienceSeconds} s: ${last}; ${open.map(({ name, state, log }) => `${name} is ${state} after ${log.map(({ step, event }) => `${step} ${event}`).join(', ') || 'nothing'}`).join('; ')}`,
      );
    });
  };
  const ready = async (name: OperationName): Promise<void> => {
    // what is unplugged is given back by the guest itself
    if (name === 'detach') await until('The guest’s boot', () => hasBooted(cloud.admin(), subject.serverId ?? ''), bootSeconds);
  };
  const remember = (lines: readonly SagaLine[]): void => {
    for (const { log } of lines) for (const { step, event, ms } of log) if (event === 'ran') usualMs.set(step, ms);
  };
  const forget = (seen: Seen): void => {
    if (seen.server === null) subject = { ...subject, serverId: null };
  };
  /** Does it without killing anybody. */
  const plainly = async (name: OperationName): Promise<Seen> => {
    await ready(name);
    const since = await cloud.now();
    subject = await ask(cloud.admin(), name, subject);
    const { seen, sagas } = await settled(since, operation(name));
    remember(sagas);
    forget(seen);
    return seen;
  };

  const tryCell = async (cell: Cell, before: Seen): Promise<{ readonly report: CellReport; readonly seen: Seen | null }> => {
    const one = operation(cell.operation);
    const step = one.steps[cell.after] ?? '';
    const pidBefore = subject.serverId === null ? null : await guestPid(subject.serverId);
    await ready(cell.operation);
    const since = await cloud.now();
    subject = await ask(cloud.admin(), cell.operation, subject);
    const linesNow = async (): Promise<number> => (await cloud.sagas(one.sagas, since)).reduce((sum, { log }) => sum + log.length, 0);
    await until('The step', async () => ((await linesNow()) >= cell.after ? true : null), 60, 2);
    const reached = performance.now();
    const delayMs = cell.after === 0 ? 0 : random() * Math.min(usualMs.get(step) ?? 30, 4000);
    let lines = cell.after;
    // anywhere into the step, but not beyond it
    while (lines <= cell.after && performance.now() - reached < delayMs) {
      await systemClock.sleep(2);
      lines = await linesNow();
    }
    const afterMs = Math.round(performance.now() - reached);
    const struck = performance.now();
    await cloud.kill(cell.victim);
    const problems: string[] = [];
    let ended: CellReport['ended'] = null;
    let reason: string | null = null;
    let seen: Seen | null = null;
    let ms = 0;
    try {
      await cloud.back(cell.victim);
      const end = await settled(since, one);
      seen = end.seen;
      ms = performance.now() - struck;
      const last = end.sagas.find(({ name }) => name === one.sagas.at(-1));
      ended = last?.state === 'done' ? 'done' : 'undone';
      reason = end.sagas.find(({ failure }) => failure !== null)?.failure?.message ?? null;
      if (ended === 'undone' && reason === null) problems.push('it was undone and does not say why');
      const expected = ended === 'done' ? [one.to] : [one.from, 'error'];
      if (!expected.includes(seen.stage))
        problems.push(`it is ${ended}, and what a user sees is: ${wordsOf(seen)}; before: ${wordsOf(before)}`);
      if (seen.server?.status === 'ERROR' && (seen.server.fault ?? '') === '') problems.push('the server is in ERROR and does not say why');
      if (['attach', 'detach'].includes(cell.operation) && (await guestPid(subject.serverId ?? '')) !== pidBefore)
        problems.push('its guest was restarted');
      remember(end.sagas);
      forget(seen);
    } catch (error) {
      problems.push(messageOf(error));
    }
    problems.push(...(await broken(seen)));
    return { report: { cell: nameOf(cell), step, afterMs, lines, ended, reason, ms: Math.round(ms), problems }, seen };
  };

  /** What must be so after every cell. */
  const broken = async (seen: Seen | null): Promise<readonly string[]> => {
    const problems: string[] = [];
    if (await cloud.died()) problems.push('Kilonova has died by itself');
    if (bystanderPid === null || !(await isAlive(bystanderPid))) problems.push('the bystander’s guest does not run any more');
    if (seen === null) return problems;
    try {
      const other = (await cloud.admin().servers()).find(({ id }) => id === bystander);
      if (other?.status !== 'ACTIVE') problems.push(`the bystander is ${other?.status ?? 'gone'}`);
      problems.push(...(await cloud.audit()));
      const ports = (await cloud.admin().serverPorts()).length;
      if (seen.stage === 'none' && ports !== 1) problems.push(`${ports - 1} ports are left`);
      if (seen.stage === 'none') {
        let left: readonly string[] = [];
        await until(
          'The end of everything',
          async () => {
            const now = await cloud.inventory();
            left = [
              ...now.filter((thing) => !baseline.includes(thing)),
              ...baseline.filter((thing) => !now.includes(thing)).map((thing) => `(missing) ${thing}`),
            ];
            const extra = now.length !== baseline.length && left.length === 0 ? ['something is there twice'] : [];
            left = [...left, ...extra];
            return left.length === 0 ? true : null;
          },
          20,
        ).catch(() => problems.push(...left.map((thing) => `left: ${thing}`)));
      }
    } catch (error) {
      problems.push(messageOf(error));
    }
    return problems;
  };

  let seen = await look(cloud.admin(), subject);
  let left = [...cells];
  let plain = 0;
  while (left.length > 0) {
    const { stage } = seen;
    if (stage === 'error' || stage === 'busy') {
      if (++plain > 3) throw new Error(`the subject cannot be deleted: ${wordsOf(seen)}`);
      seen = await plainly('delete');
      continue;
    }
    const name = nextOperation(stage, left);
    if (name === null) throw new Error(`nothing leads from ${stage} to ${left.map(nameOf).join(', ')}`);
    const cell = left.find((each) => each.operation === name && operation(name).from === stage);
    if (cell === undefined) {
      if (++plain > 3) throw new Error(`${name} does not lead on from: ${wordsOf(seen)}`);
      seen = await plainly(name);
      continue;
    }
    plain = 0;
    left = left.filter((each) => each !== cell);
    const tried = await tryCell(cell, seen);
    report(tried.report);
    if (tried.report.problems.length > 0 || tried.seen === null) return left;
    seen = tried.seen;
  }
  // everything goes, and nothing is left
  if (seen.stage !== 'none') await plainly('delete');
  await cloud.admin().remove(bystander);
  await cloud.admin().ask('volumev3', 'DELETE', `/volumes/${subject.volumeId}`);
  await until('The end of all servers', async () => ((await cloud.admin().servers()).length === 0 ? true : null));
  const ports = await cloud.admin().serverPorts();
  const audit = await cloud.audit();
  const things = (await cloud.inventory()).filter((thing) => /^guest|qemu-|^instances\//.test(thing));
  const problems = [...ports.map((port) => `left: port ${port}`), ...audit, ...things.map((thing) => `left: ${thing}`)];
  if (problems.length > 0)
    report({ cell: 'deleting everything', step: '', afterMs: 0, lines: 0, ended: null, reason: null, ms: 0, problems });
  return [];
}
