import { sql } from 'kysely';
import type { InstanceId } from '../domain/instance.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
import type { CellTables } from './tables.ts';

/** What resizes that were accepted will take beyond what their instances have, by instance. */
const growing = sql<{ subject: string; vcpus: number; memory_mb: number; disk: number }>`(
  SELECT subject, (params->'flavor'->>'vcpus')::int AS vcpus, (params->'flavor'->>'memoryMb')::int AS memory_mb,
         (params->'flavor'->>'rootGb')::int + (params->'flavor'->>'ephemeralGb')::int + ceil((params->'flavor'->>'swapMb')::numeric / 1024) AS disk
  FROM sagas WHERE state = 'running' AND name = 'resize-instance' AND params->'flavor' <> 'null')`.as('growing');
const diskOf = sql`root_gb + ephemeral_gb + ceil((flavor->>'swapMb')::numeric / 1024)`;

/**
 * What the instances of a project use now, or will when the resizes that were accepted are done: counted, never kept. Deleted and soft-deleted ones do not count. `within` is a transaction the caller has
 * open in one of the cells: that cell is counted in it, so that nobody waits for a second connection while holding one.
 */
export async function countUsage(
  stores: Stores,
  { projectId, userId }: { readonly projectId: string; readonly userId?: string },
  within: { readonly cellId: string; readonly tx: Executor<CellTables> } | null = null,
): Promise<{ readonly instances: number; readonly cores: number; readonly ram: number; readonly disk: number }> {
  const counts = await Promise.all(
    stores.cells().map(({ id, database }) =>
      (id === within?.cellId ? within.tx : database)
        .selectFrom('instances')
        .leftJoin(growing, (join) => join.onRef('growing.subject', '=', (eb) => eb.cast<string>('instances.uuid', 'text')))
        .select((eb) => [
          eb.fn.countAll<number>().as('instances'),
          sql<number>`coalesce(sum(greatest(instances.vcpus, growing.vcpus)), 0)`.as('cores'),
          sql<number>`coalesce(sum(greatest(instances.memory_mb, growing.memory_mb)), 0)`.as('ram'),
          sql<number>`coalesce(sum(greatest(${diskOf}, growing.disk)), 0)::bigint`.as('disk'),
        ])
        .where('project_id', '=', projectId)
        .where('deleted_at', 'is', null)
        .where('vm_state', '!=', 'soft-delete')
        .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))
        .executeTakeFirst(),
    ),
  );
  const sum = (key: 'instances' | 'cores' | 'ram' | 'disk'): number => counts.reduce((total, count) => total + (count?.[key] ?? 0), 0);
  return { instances: sum('instances'), cores: sum('cores'), ram: sum('ram'), disk: sum('disk') };
}

/** How many live instances these hosts have together. */
export async function countOnHosts(stores: Stores, hosts: readonly string[]): Promise<number> {
  if (hosts.length === 0) return 0;
  const counts = await Promise.all(
    stores.hostCells().map(({ database }) =>
      database
        .selectFrom('instances')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('host', 'in', hosts)
        .where('deleted_at', 'is', null)
        .executeTakeFirstOrThrow(),
    ),
  );
  return counts.reduce((total, { count }) => total + count, 0);
}

/** What the live instances of a hypervisor take. */
export interface NodeUsage {
  readonly instances: number;
  /** Those something is being done to. */
  readonly busy: number;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
}

/** Usage by the name of the hypervisor, one statement a cell; of all of them where none are named. */
export async function usageOfNodes(stores: Stores, nodes: readonly string[] | null = null): Promise<ReadonlyMap<string, NodeUsage>> {
  const pages = await Promise.all(
    stores.hostCells().map(({ database }) =>
      database
        .selectFrom('instances')
        .select((eb) => [
          'node',
          eb.fn.countAll<number>().as('instances'),
          eb.fn.count<number>('task_state').as('busy'),
          sql<number>`sum(vcpus)`.as('vcpus'),
          sql<number>`sum(memory_mb)`.as('memoryMb'),
          sql<number>`sum(root_gb + ephemeral_gb)`.as('diskGb'),
        ])
        .where('deleted_at', 'is', null)
        .where('node', 'is not', null)
        .$if(nodes !== null, (query) => query.where('node', 'in', nodes!.length === 0 ? [''] : nodes))
        .groupBy('node')
        .execute(),
    ),
  );
  return new Map(pages.flat().map(({ node, ...usage }) => [node ?? '', usage]));
}

/** The live instances of these hypervisors, as little of each as names it. */
export async function instancesOfNodes(
  stores: Stores,
  nodes: readonly string[],
): Promise<readonly { readonly id: InstanceId; readonly rowId: number; readonly node: string }[]> {
  if (nodes.length === 0) return [];
  const pages = await Promise.all(
    stores
      .hostCells()
      .map(({ database }) =>
        database
          .selectFrom('instances')
          .select(['id', 'uuid', 'node'])
          .where('node', 'in', nodes)
          .where('deleted_at', 'is', null)
          .orderBy('id')
          .execute(),
      ),
  );
  return pages.flat().map((row) => ({ id: row.uuid as InstanceId, rowId: row.id, node: row.node ?? '' }));
}
