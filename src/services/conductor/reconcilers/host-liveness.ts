import { sql } from 'kysely';
import { mirrorDisabled } from '../../../clients/placement-mirror.ts';
import { isKind } from '../../../lib/errors.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { listServices, nodesOfHost, recordSeen, updateService, type ServiceRecord } from '../../../store/services.ts';
import type { ConductorDeps } from '../deps.ts';

/** What a reason begins with that was found, not given: only such a service is enabled again without an operator. */
const found = 'AUTO: ';

/**
 * Keeps true: a compute service counts as up exactly while its host executes what it is asked, one write a cell, however many hosts; and one that is
 * not well is disabled and says why, until it is well again.
 */
export const hostLiveness = (deps: ConductorDeps): ReconcilerSpec => {
  /** Hosts that were not well at the last look: what has gone by the next is not worth a word. */
  let unwell: ReadonlySet<string> = new Set();
  return {
    name: 'host-liveness',
    everyMs: deps.settings.DEFAULT.report_interval * 1000,
    run: async (signal) => {
      const services = (await listServices(deps.stores)).filter((service) => service.binary === 'nova-compute');
      const databaseAheadMs = await databaseAhead(deps);
      const answers = await Promise.all(
        services.map(async (service) => {
          const sent = deps.clock.now();
          try {
            const { problems, now } = await deps.agentOn(service.host).ping({}, { signal, timeoutMs: 5000 });
            const received = deps.clock.now();
            const offset = clockOffset({ sent, received, there: now, databaseAheadMs });
            return [{ service, problems: [...problems, ...clockProblems(offset, deps.settings.kilonova.most_clock_offset)] }];
          } catch (error) {
            if (!isKind(error, 'unavailable')) deps.log.warn({ err: error, host: service.host }, 'host answers its ping with an error');
            return [];
          }
        }),
      );
      const alive = answers.flat();
      for (const [cellId, ofCell] of Map.groupBy(alive, ({ service }) => service.cellId)) {
        await recordSeen(
          deps.stores.cell(cellId),
          'nova-compute',
          ofCell.map(({ service }) => service.host),
        );
      }
      const before = unwell;
      unwell = new Set(alive.flatMap(({ service, problems }) => (problems.length > 0 ? [service.host] : [])));
      for (const { service, problems } of alive)
        if (problems.length === 0 || before.has(service.host)) await judge(deps, service, problems);
      return { hosts: services.length, alive: alive.length, unwell: [...unwell] };
    },
  };
};

/** Disables a service whose host is not well, and enables again what was disabled so. What an operator has disabled stays as it is. */
async function judge(deps: ConductorDeps, service: ServiceRecord, problems: readonly string[]): Promise<void> {
  const { disabled, disabledReason, host } = service;
  const byItself = disabledReason?.startsWith(found) === true;
  if (disabled && !byItself) return;
  const reason = problems.length === 0 ? null : `${found}${problems.join('; ')}`.slice(0, 255);
  if (reason === disabledReason && disabled === (reason !== null)) return;
  await updateService(deps.stores, service, { disabled: reason !== null, disabledReason: reason });
  if (reason === null) deps.log.info({ host }, 'the host is well again; its compute service is enabled');
  else deps.log.error({ host, reason }, 'the host is not well; its compute service is disabled');
  if (disabled === (reason !== null)) return;
  await deps.scheduler
    .refresh({})
    .catch((error: unknown) => deps.log.debug({ err: error }, 'the scheduler was not told that a host has changed'));
  await mirrorDisabled(deps, await nodesOfHost(deps.stores, host), reason !== null);
}

/** How far the database's clock, by which all services go, is ahead of ours. */
async function databaseAhead({ stores, clock }: ConductorDeps): Promise<number> {
  const sent = clock.now();
  const { rows } = await sql<{ now: string }>`SELECT clock_timestamp() AS now`.execute(stores.api);
  return Date.parse(rows[0]!.now) - (sent + clock.now()) / 2;
}

/** How many seconds a clock is at least ahead of the database's (behind: negative), whatever part of the time between question and answer it was read. */
export function clockOffset(read: {
  readonly sent: number;
  readonly received: number;
  readonly there: number;
  readonly databaseAheadMs: number;
}): number {
  const { sent, received, there, databaseAheadMs } = read;
  const atLeast = Math.max(there - (received + databaseAheadMs), 0) || Math.min(there - (sent + databaseAheadMs), 0);
  return Math.round(atLeast / 1000);
}

export const clockProblems = (offset: number, most: number): readonly string[] =>
  Math.abs(offset) > most ? [`its clock is ${Math.abs(offset)} s ${offset > 0 ? 'ahead of' : 'behind'} the database's`] : [];
