import { sql, type Selectable } from 'kysely';
import { conflict, notFound } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import { isDuplicate } from '../../../lib/sql/database.ts';
import type { TypeRecord } from '../records.ts';
import type { EncryptionSpec, VolumeExecutor, VolumeTables } from '../tables.ts';

const toType = (row: Selectable<VolumeTables['volume_types']>): TypeRecord => ({
  id: row.id,
  name: row.name,
  description: row.description,
  isPublic: row.is_public,
  extraSpecs: row.extra_specs,
  encryption: row.encryption,
  qosSpecsId: row.qos_specs_id,
});

export const typeNotFound = (type: string) => notFound(`Volume type ${type} could not be found.`);

/** Types that are public or given to the project; all of them where it is null. */
const selectTypes = (db: VolumeExecutor, projectId: string | null) => {
  const all = db.selectFrom('volume_types').selectAll('volume_types');
  return projectId === null
    ? all
    : all.where(
        sql<boolean>`(is_public OR EXISTS (SELECT FROM volume_type_projects p WHERE p.type_id = volume_types.id AND p.project_id = ${projectId}))`,
      );
};

export async function listTypes(
  db: VolumeExecutor,
  { projectId, isPublic }: { readonly projectId: string | null; readonly isPublic: boolean | null },
): Promise<TypeRecord[]> {
  const query = selectTypes(db, projectId);
  const rows = await (isPublic === null ? query : query.where('is_public', '=', isPublic))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map(toType);
}

/** By id or by name; null when there is none that the project may use. */
export async function findType(db: VolumeExecutor, type: string, projectId: string | null): Promise<TypeRecord | null> {
  const query = selectTypes(db, projectId);
  if (isUuid(type)) {
    const byId = await query.where('id', '=', type).executeTakeFirst();
    if (byId !== undefined) return toType(byId);
  }
  const byName = await query.where('name', '=', type).executeTakeFirst();
  return byName === undefined ? null : toType(byName);
}

export async function insertType(db: VolumeExecutor, type: Omit<TypeRecord, 'encryption' | 'qosSpecsId'>, now: Date): Promise<void> {
  try {
    await db
      .insertInto('volume_types')
      .values({
        id: type.id,
        name: type.name,
        description: type.description,
        is_public: type.isPublic,
        extra_specs: JSON.stringify(type.extraSpecs),
        encryption: 'null',
        qos_specs_id: null,
        created_at: now,
        updated_at: now,
      })
      .execute();
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Volume Type ${type.name} already exists.`, { cause: error });
    throw error;
  }
}

export async function updateType(
  db: VolumeExecutor,
  typeId: string,
  changes: {
    readonly name?: string;
    readonly description?: string | null;
    readonly isPublic?: boolean;
    readonly extraSpecs?: Readonly<Record<string, string>>;
    readonly encryption?: EncryptionSpec | null;
    readonly qosSpecsId?: string | null;
  },
  now: Date,
): Promise<void> {
  try {
    await db
      .updateTable('volume_types')
      .set({
        updated_at: now,
        ...(changes.name === undefined ? {} : { name: changes.name }),
        ...(changes.description === undefined ? {} : { description: changes.description }),
        ...(changes.isPublic === undefined ? {} : { is_public: changes.isPublic }),
        ...(changes.extraSpecs === undefined ? {} : { extra_specs: JSON.stringify(changes.extraSpecs) }),
        ...(changes.encryption === undefined ? {} : { encryption: JSON.stringify(changes.encryption) }),
        ...(changes.qosSpecsId === undefined ? {} : { qos_specs_id: changes.qosSpecsId }),
      })
      .where('id', '=', typeId)
      .execute();
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Volume Type ${changes.name ?? ''} already exists.`, { cause: error });
    throw error;
  }
}

export const deleteTypeRow = async (db: VolumeExecutor, typeId: string): Promise<void> => {
  await db.deleteFrom('volume_types').where('id', '=', typeId).execute();
};

export async function volumesOfType(db: VolumeExecutor, typeId: string): Promise<number> {
  const row = await db
    .selectFrom('volumes')
    .select((e) => e.fn.countAll<string>().as('count'))
    .where('type_id', '=', typeId)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

export async function typeProjects(db: VolumeExecutor, typeId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('volume_type_projects')
    .select('project_id')
    .where('type_id', '=', typeId)
    .orderBy('project_id')
    .execute();
  return rows.map((row) => row.project_id);
}

/** Whether the project did not have it yet. */
export async function addTypeProject(db: VolumeExecutor, typeId: string, projectId: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows = 0n } = await db
    .insertInto('volume_type_projects')
    .values({ type_id: typeId, project_id: projectId })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows > 0n;
}

/** Whether the project had it. */
export async function removeTypeProject(db: VolumeExecutor, typeId: string, projectId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('volume_type_projects')
    .where('type_id', '=', typeId)
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Makes the type that volumes have which ask for none. */
export async function ensureDefaultType(db: VolumeExecutor, name: string, id: string, now: Date): Promise<void> {
  await db
    .insertInto('volume_types')
    .values({
      id,
      name,
      description: 'Default Volume Type',
      is_public: true,
      extra_specs: '{}',
      encryption: 'null',
      qos_specs_id: null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((c) => c.column('name').doNothing())
    .execute();
}
