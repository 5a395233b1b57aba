import { sql, type Selectable } from 'kysely';
import type { Executor } from '../lib/sql/database.ts';
import type { ActionEvent, CellTables } from './tables.ts';

export interface NewAction {
  readonly instanceId: string;
  /** Nova's name: `create`, `stop`, `reboot`, … */
  readonly action: string;
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
}

/** Records that something was asked for. */
export async function recordAction(tx: Executor<CellTables>, actions: readonly NewAction[]): Promise<void> {
  await tx
    .insertInto('instance_actions')
    .values(
      actions.map((a) => ({
        instance_id: a.instanceId,
        action: a.action,
        request_id: a.requestId,
        user_id: a.userId,
        project_id: a.projectId,
        message: null,
      })),
    )
    .execute();
}

/** Adds an event to the action of a request, finished or not; the action says `Error` from its first failed event on. */
export async function recordEvent(tx: Executor<CellTables>, instanceId: string, requestId: string, event: ActionEvent): Promise<void> {
  await tx
    .updateTable('instance_actions')
    .set((eb) => ({
      events:
        sql`(SELECT coalesce(jsonb_agg(known), '[]') FROM jsonb_array_elements(events) AS known WHERE known->>'event' <> ${event.event}) || ${JSON.stringify([event])}::jsonb` as never,
      updated_at: new Date(),
      message: event.result === 'Error' ? 'Error' : eb.ref('message'),
    }))
    .where('instance_id', '=', instanceId)
    .where('request_id', '=', requestId)
    .execute();
}

export interface ActionRecord extends NewAction {
  readonly startTime: string;
  readonly updatedAt: string;
  readonly message: string | null;
  readonly events: readonly ActionEvent[];
}

const toAction = (row: Selectable<CellTables['instance_actions']>): ActionRecord => ({
  instanceId: row.instance_id,
  action: row.action,
  requestId: row.request_id,
  userId: row.user_id,
  projectId: row.project_id,
  startTime: row.start_time,
  updatedAt: row.updated_at,
  message: row.message,
  events: row.events,
});

export interface ActionPage {
  /** Null is no limit. */
  readonly limit: number | null;
  /** The request of the last action of the page before. */
  readonly after: string | null;
  /** Bounds of the last change, ISO 8601. */
  readonly changedSince: string | null;
  readonly changedBefore: string | null;
}

/** The actions of an instance, newest first; null when the marker is none of them. */
export async function listActions(tx: Executor<CellTables>, instanceId: string, page: ActionPage): Promise<ActionRecord[] | null> {
  const { limit, after, changedSince, changedBefore } = page;
  const marker = after === null ? null : await actionRow(tx, instanceId, after);
  if (marker === undefined) return null;
  const rows = await tx
    .selectFrom('instance_actions')
    .selectAll()
    .where('instance_id', '=', instanceId)
    .$if(marker !== null, (query) =>
      query.where((eb) =>
        eb.or([eb('start_time', '<', marker!.start_time), eb.and([eb('start_time', '=', marker!.start_time), eb('id', '<', marker!.id)])]),
      ),
    )
    .$if(changedSince !== null, (query) => query.where('updated_at', '>=', changedSince!))
    .$if(changedBefore !== null, (query) => query.where('updated_at', '<=', changedBefore!))
    .orderBy('start_time', 'desc')
    .orderBy('id', 'desc')
    .$if(limit !== null, (query) => query.limit(limit!))
    .execute();
  return rows.map(toAction);
}

const actionRow = (tx: Executor<CellTables>, instanceId: string, requestId: string) =>
  tx
    .selectFrom('instance_actions')
    .selectAll()
    .where('instance_id', '=', instanceId)
    .where('request_id', '=', requestId)
    .orderBy('id', 'desc')
    .executeTakeFirst();

/** What a request did to an instance, or null. */
export async function findAction(tx: Executor<CellTables>, instanceId: string, requestId: string): Promise<ActionRecord | null> {
  const row = await actionRow(tx, instanceId, requestId);
  return row === undefined ? null : toAction(row);
}
