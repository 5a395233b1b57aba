import type { TaskKind } from '../tasks/task.ts';
import type { VolumeExecutor } from '../tables.ts';

/** A promise of work, as it is kept. */
export interface Task {
  readonly id: number;
  readonly kind: TaskKind;
  /** Tasks of one subject are done one after the other: a volume's id. */
  readonly subject: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly attempts: number;
}

export async function insertTask(
  tx: VolumeExecutor,
  kind: TaskKind,
  subject: string,
  params: Readonly<Record<string, unknown>>,
  now: Date,
): Promise<void> {
  await tx
    .insertInto('tasks')
    .values({ kind, subject, params: JSON.stringify(params), attempts: 0, not_before: now, created_at: now })
    .execute();
}

/** The oldest task of each subject that is due. */
export async function dueTasks(db: VolumeExecutor, now: Date): Promise<Task[]> {
  const rows = await db
    .selectFrom('tasks')
    .distinctOn('subject')
    .select(['id', 'kind', 'subject', 'params', 'attempts', 'not_before'])
    .orderBy('subject')
    .orderBy('id')
    .execute();
  return rows
    .filter((row) => Date.parse(row.not_before) <= now.getTime())
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, kind, subject, params, attempts }) => ({ id, kind, subject, params, attempts }));
}

export const deleteTask = async (tx: VolumeExecutor, id: number): Promise<void> => {
  await tx.deleteFrom('tasks').where('id', '=', id).execute();
};

export const postponeTask = async (db: VolumeExecutor, id: number, until: Date): Promise<void> => {
  await db
    .updateTable('tasks')
    .set((e) => ({ attempts: e('attempts', '+', 1), not_before: until }))
    .where('id', '=', id)
    .execute();
};
