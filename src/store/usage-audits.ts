import { sql } from 'kysely';
import type { AuditPeriod } from '../domain/audit-period.ts';
import type { CellDatabase, Stores } from './stores.ts';

/** How an audit of one host's usage in one period went. */
export interface UsageAudit {
  readonly host: string;
  readonly state: 'RUNNING' | 'DONE';
  readonly instances: number;
  readonly errors: number;
  readonly message: string;
}

const taskName = 'instance_usage_audit';
const at = (ms: number): Date => new Date(ms);

/** The audits of a period, of all hosts. */
export async function usageAudits(stores: Stores, { begin, end }: AuditPeriod): Promise<UsageAudit[]> {
  const pages = await Promise.all(
    stores.cells().map(({ database }) =>
      database
        .selectFrom('task_logs')
        .select(['host', 'state', 'task_items as instances', 'errors', 'message'])
        .where('task_name', '=', taskName)
        .where('period_beginning', '=', at(begin) as never)
        .where('period_ending', '=', at(end) as never)
        .orderBy('host')
        .execute(),
    ),
  );
  return pages.flat().map((row) => ({ ...row, state: row.state as UsageAudit['state'] }));
}

/** Begins the audit of a host; false when it has been begun before. */
export async function beginUsageAudit(database: CellDatabase, host: string, { begin, end }: AuditPeriod): Promise<boolean> {
  const made = await database
    .insertInto('task_logs')
    .values({
      task_name: taskName,
      host,
      period_beginning: at(begin),
      period_ending: at(end),
      state: 'RUNNING',
      message: 'Instance usage audit started...',
      task_items: 0,
      errors: 0,
    })
    .onConflict((conflict) => conflict.columns(['task_name', 'host', 'period_beginning', 'period_ending']).doNothing())
    .returning('host')
    .executeTakeFirst();
  return made !== undefined;
}

/** Writes down how it went. */
export async function endUsageAudit(
  database: CellDatabase,
  host: string,
  { begin, end }: AuditPeriod,
  { instances, errors, message }: Pick<UsageAudit, 'instances' | 'errors' | 'message'>,
): Promise<void> {
  await database
    .updateTable('task_logs')
    .set({ state: 'DONE', task_items: instances, errors, message })
    .where('task_name', '=', taskName)
    .where('host', '=', host)
    .where('period_beginning', '=', at(begin) as never)
    .where('period_ending', '=', at(end) as never)
    .execute();
}

/** What the instances of a host used in a period: how many there were, and hours of what they had. */
export async function usageOfHost(
  database: CellDatabase,
  host: string,
  { begin, end }: AuditPeriod,
): Promise<{ readonly instances: number; readonly hours: number; readonly vcpuHours: number; readonly memoryMbHours: number }> {
  const hours = sql<number>`extract(epoch FROM least(coalesce(terminated_at, ${at(end)}), ${at(end)}) - greatest(launched_at, ${at(begin)})) / 3600`;
  return database
    .selectFrom('instances')
    .select((eb) => [
      eb.fn.countAll<number>().as('instances'),
      sql<number>`coalesce(sum(${hours}), 0)::float8`.as('hours'),
      sql<number>`coalesce(sum(vcpus * ${hours}), 0)::float8`.as('vcpuHours'),
      sql<number>`coalesce(sum(memory_mb * ${hours}), 0)::float8`.as('memoryMbHours'),
    ])
    .where('host', '=', host)
    .where('launched_at', '<', at(end) as never)
    .where((eb) => eb.or([eb('terminated_at', 'is', null), eb('terminated_at', '>', at(begin) as never)]))
    .executeTakeFirstOrThrow();
}
