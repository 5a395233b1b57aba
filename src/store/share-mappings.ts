import type { Selectable } from 'kysely';
import { isDuplicate } from '../lib/sql/database.ts';
import type { CellDatabase } from './stores.ts';
import type { CellTables } from './tables.ts';

/** A share that is attached to an instance, or about to be, or no longer. */
export interface ShareMapping {
  readonly uuid: string;
  readonly instanceId: string;
  readonly shareId: string;
  /** `attached` is shown as active or inactive, as the instance runs or not. */
  readonly status: 'attaching' | 'attached' | 'detaching' | 'error';
  readonly tag: string;
  readonly exportLocation: string;
  readonly protocol: string;
}

const toMapping = (row: Selectable<CellTables['share_mappings']>): ShareMapping => ({
  uuid: row.uuid,
  instanceId: row.instance_id,
  shareId: row.share_id,
  status: row.status as ShareMapping['status'],
  tag: row.tag,
  exportLocation: row.export_location,
  protocol: row.protocol,
});

/** The shares of an instance, in the order they were attached. */
export async function sharesOf(database: CellDatabase, instanceId: string): Promise<ShareMapping[]> {
  const rows = await database.selectFrom('share_mappings').selectAll().where('instance_id', '=', instanceId).orderBy('id').execute();
  return rows.map(toMapping);
}

/** Writes a mapping down; null when the instance has the share, or the tag, already. */
export async function insertShareMapping(database: CellDatabase, mapping: ShareMapping): Promise<ShareMapping | null> {
  try {
    const row = await database
      .insertInto('share_mappings')
      .values({
        uuid: mapping.uuid,
        instance_id: mapping.instanceId,
        share_id: mapping.shareId,
        status: mapping.status,
        tag: mapping.tag,
        export_location: mapping.exportLocation,
        protocol: mapping.protocol,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toMapping(row);
  } catch (error) {
    if (isDuplicate(error)) return null;
    throw error;
  }
}

export async function setShareStatus(database: CellDatabase, uuid: string, status: ShareMapping['status']): Promise<void> {
  await database.updateTable('share_mappings').set({ status }).where('uuid', '=', uuid).execute();
}

export async function deleteShareMapping(database: CellDatabase, uuid: string): Promise<void> {
  await database.deleteFrom('share_mappings').where('uuid', '=', uuid).execute();
}

/** Whether another instance on this host has the share, so that the host must keep its access. */
export async function isShareUsedOnHost(
  database: CellDatabase,
  mapping: Pick<ShareMapping, 'shareId' | 'instanceId'>,
  host: string,
): Promise<boolean> {
  const other = await database
    .selectFrom('share_mappings')
    .innerJoin('instances', 'instances.uuid', 'share_mappings.instance_id')
    .select('share_mappings.id')
    .where('share_id', '=', mapping.shareId)
    .where('instance_id', '!=', mapping.instanceId)
    .where('instances.host', '=', host)
    .where('instances.deleted_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}
