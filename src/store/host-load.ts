import { sql } from 'kysely';
import type { Cell, Stores } from './stores.ts';

/** How busy hosts are, as instances tell. */
export interface HostLoad {
  /** Operations under way that read or write much: builds, rebuilds, snapshots, moves. */
  readonly ioOps: ReadonlyMap<string, number>;
  /** Instances; null when it was not asked for. */
  readonly instances: ReadonlyMap<string, number> | null;
}

const busyTasks = ['resize_migrating', 'rebuilding', 'resize_prep', 'image_snapshot', 'image_backup', 'rescuing', 'unshelving'];

/** Counts by host over all cells. */
export async function readHostLoad(stores: Stores, wanted: { readonly instances: boolean }): Promise<HostLoad> {
  const counts = async (query: (cell: Cell) => Promise<readonly { host: string; count: number }[]>): Promise<Map<string, number>> => {
    const sum = new Map<string, number>();
    for (const { host, count } of (await Promise.all(stores.hostCells().map(query))).flat()) sum.set(host, (sum.get(host) ?? 0) + count);
    return sum;
  };
  const [ioOps, instances] = await Promise.all([
    counts(
      async ({ database }) =>
        (
          await sql<{ host: string; count: number }>`
            SELECT host, count(*)::integer AS count FROM instances
            WHERE deleted_at IS NULL AND task_state IS NOT NULL AND host IS NOT NULL AND (vm_state = 'building' OR task_state = ANY(${busyTasks}))
            GROUP BY host`.execute(database)
        ).rows,
    ),
    wanted.instances
      ? counts(
          async ({ database }) =>
            (
              await sql<{ host: string; count: number }>`
                SELECT host, count(*)::integer AS count FROM instances WHERE deleted_at IS NULL AND host IS NOT NULL GROUP BY host`.execute(
                database,
              )
            ).rows,
        )
      : null,
  ]);
  return { ioOps, instances };
}

/** Hosts of these instances, for those that have one. */
export async function hostsOfInstances(stores: Stores, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const pages = await Promise.all(
    stores.hostCells().map(({ database }) =>
      database
        .selectFrom('instances')
        .select(['uuid', 'host'])
        .where(sql<boolean>`uuid::text = ANY(${[...ids]})`)
        .where('deleted_at', 'is', null)
        .execute(),
    ),
  );
  return new Map(pages.flat().flatMap(({ uuid, host }) => (host === null ? [] : [[uuid, host] as const])));
}

/** By host: how many instances were made from an image with each property and value. */
export async function imagePropertiesByHost(stores: Stores): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const byHost = new Map<string, Map<string, number>>();
  const pages = await Promise.all(
    stores.hostCells().map(
      async ({ database }) =>
        (
          await sql<{ host: string; property: string; count: number }>`
            SELECT host, property.key || '=' || property.value AS property, count(*)::integer AS count
            FROM instances, jsonb_each_text(image->'properties') AS property
            WHERE deleted_at IS NULL AND host IS NOT NULL AND jsonb_typeof(image->'properties') = 'object' GROUP BY 1, 2`.execute(database)
        ).rows,
    ),
  );
  for (const { host, property, count } of pages.flat()) {
    const own = byHost.get(host) ?? new Map<string, number>();
    byHost.set(host, own.set(property, (own.get(property) ?? 0) + count));
  }
  return byHost;
}
