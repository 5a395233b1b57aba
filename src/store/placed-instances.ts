import type { InstanceFlavor, InstanceImage } from '../domain/instance.ts';
import type { CellDatabase } from './stores.ts';

/** As much of a live instance as says what it must hold of which host. */
export interface PlacedInstance {
  readonly id: string;
  readonly host: string | null;
  readonly node: string | null;
  readonly taskState: string | null;
  readonly projectId: string;
  readonly userId: string;
  readonly flavor: InstanceFlavor;
  readonly image: InstanceImage | null;
}

const select = (database: CellDatabase) =>
  database
    .selectFrom('instances')
    .select(['uuid', 'host', 'node', 'task_state', 'project_id', 'user_id', 'flavor', 'image'])
    .where('deleted_at', 'is', null);
type Row = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number];

const toPlaced = (row: Row): PlacedInstance => ({
  id: row.uuid,
  host: row.host,
  node: row.node,
  taskState: row.task_state,
  projectId: row.project_id,
  userId: row.user_id,
  flavor: row.flavor,
  image: row.image,
});

/** Live instances on hosts of one cell, by id, those after `after`. */
export async function placedInstances(database: CellDatabase, after: string | null, limit: number): Promise<readonly PlacedInstance[]> {
  const rows = await select(database)
    .where('host', 'is not', null)
    .$if(after !== null, (query) => query.where('uuid', '>', after!))
    .orderBy('uuid')
    .limit(limit)
    .execute();
  return rows.map(toPlaced);
}

/** One live instance of a cell, or null. */
export async function findPlacedInstance(database: CellDatabase, id: string): Promise<PlacedInstance | null> {
  const row = await select(database).where('uuid', '=', id).executeTakeFirst();
  return row === undefined ? null : toPlaced(row);
}
