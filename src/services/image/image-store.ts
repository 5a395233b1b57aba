import { sql, type Selectable } from 'kysely';
import { conflict, notFound } from '../../lib/errors.ts';
import { isDuplicate, type Database, type Executor } from '../../lib/sql/database.ts';
import type { ImageAttributes, ImageMember, ImageRecord, ImageStatus, MemberStatus, StoredData } from './image-record.ts';
import type { ImageTables } from './tables.ts';

export type ImageDatabase = Database<ImageTables>;
export type ImageExecutor = Executor<ImageTables>;

/** A row with the two things that stand in other tables. */
export type ImageRow = Selectable<ImageTables['images']> & { readonly tags: string[]; readonly membership: MemberStatus | null };

/** Images with their tags and with the share of one project; every read of images begins with it. */
export const selectImages = (db: ImageExecutor, projectId: string | null) =>
  db
    .selectFrom('images')
    .selectAll('images')
    .select([
      sql<string[]>`ARRAY(SELECT tag FROM image_tags WHERE image_id = images.id ORDER BY tag)`.as('tags'),
      sql<MemberStatus | null>`(SELECT m.status FROM image_members m WHERE m.image_id = images.id AND m.member_id = ${projectId}::text)`.as(
        'membership',
      ),
    ]);

export const toImage = (row: ImageRow): ImageRecord => ({
  id: row.id,
  name: row.name,
  status: row.status,
  visibility: row.visibility,
  owner: row.owner,
  protected: row.protected,
  hidden: row.os_hidden,
  diskFormat: row.disk_format,
  containerFormat: row.container_format,
  minDisk: row.min_disk,
  minRam: row.min_ram,
  tags: row.tags,
  properties: row.properties,
  data:
    row.os_hash_value === null
      ? null
      : { size: row.size ?? 0, virtualSize: row.virtual_size, checksum: row.checksum ?? '', sha512: row.os_hash_value },
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  membership: row.membership,
});

const columnsOf = (attributes: ImageAttributes) => ({
  name: attributes.name,
  visibility: attributes.visibility,
  owner: attributes.owner,
  protected: attributes.protected,
  os_hidden: attributes.hidden,
  disk_format: attributes.diskFormat,
  container_format: attributes.containerFormat,
  min_disk: attributes.minDisk,
  min_ram: attributes.minRam,
  properties: JSON.stringify(attributes.properties),
});

export const imageNotFound = (imageId: string) => notFound(`No image found with ID ${imageId}`);

/** The image, with the share of `projectId`; null when there is none. `lock` keeps others from changing it until the transaction ends. */
export async function findImage(
  db: ImageExecutor,
  imageId: string,
  projectId: string | null,
  options: { readonly lock?: boolean } = {},
): Promise<ImageRecord | null> {
  const query = selectImages(db, projectId).where('images.id', '=', imageId);
  const row = await (options.lock === true ? query.forUpdate() : query).executeTakeFirst();
  return row === undefined ? null : toImage(row);
}

export async function insertImage(db: ImageDatabase, imageId: string, attributes: ImageAttributes, now: Date): Promise<ImageRecord> {
  try {
    return await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('images')
        .values({ id: imageId, status: 'queued', ...columnsOf(attributes), created_at: now, updated_at: now })
        .execute();
      await setTags(tx, imageId, attributes.tags);
      return (await findImage(tx, imageId, null))!;
    });
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Image ID ${imageId} already exists!`, { cause: error });
    throw error;
  }
}

export async function updateImage(tx: ImageExecutor, imageId: string, attributes: ImageAttributes, now: Date): Promise<void> {
  await tx
    .updateTable('images')
    .set({ ...columnsOf(attributes), updated_at: now })
    .where('id', '=', imageId)
    .execute();
  await setTags(tx, imageId, attributes.tags);
}

async function setTags(tx: ImageExecutor, imageId: string, tags: readonly string[]): Promise<void> {
  await tx.deleteFrom('image_tags').where('image_id', '=', imageId).execute();
  if (tags.length > 0)
    await tx
      .insertInto('image_tags')
      .values(tags.map((tag) => ({ image_id: imageId, tag })))
      .execute();
}

export const addTag = async (tx: ImageExecutor, imageId: string, tag: string): Promise<void> => {
  await tx
    .insertInto('image_tags')
    .values({ image_id: imageId, tag })
    .onConflict((c) => c.doNothing())
    .execute();
};

/** Whether the image had it. */
export const removeTag = async (tx: ImageExecutor, imageId: string, tag: string): Promise<boolean> =>
  (await tx.deleteFrom('image_tags').where('image_id', '=', imageId).where('tag', '=', tag).executeTakeFirst()).numDeletedRows > 0n;

/** Compare-and-swap of a status that has nothing to do with data; whether it was done. */
export async function changeStatus(
  db: ImageExecutor,
  imageId: string,
  change: { readonly from: readonly ImageStatus[]; readonly to: ImageStatus; readonly now: Date },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('images')
    .set({ status: change.to, updated_at: change.now })
    .where('id', '=', imageId)
    .where('status', 'in', change.from)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Makes an image active that was waiting for its data; whether it still was. */
export async function activate(tx: ImageExecutor, imageId: string, from: ImageStatus, data: StoredData, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('images')
    .set({
      status: 'active',
      size: data.size,
      virtual_size: data.virtualSize,
      checksum: data.checksum,
      os_hash_value: data.sha512,
      updated_at: now,
    })
    .where('id', '=', imageId)
    .where('status', '=', from)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export const deleteImageRow = async (tx: ImageExecutor, imageId: string): Promise<void> => {
  await tx.deleteFrom('images').where('id', '=', imageId).execute();
};

/** Bytes of data of all images of a project. */
export async function storedBytes(db: ImageExecutor, owner: string | null): Promise<number> {
  const row = await db
    .selectFrom('images')
    .select((e) => e.fn.sum<string>('size').as('bytes'))
    .where('owner', 'is not distinct from', owner)
    .executeTakeFirst();
  return Number(row?.bytes ?? 0);
}

/** Until the transaction ends, nobody else stores, shares or removes the data with this hash. */
export const lockData = async (tx: ImageExecutor, sha512: string): Promise<void> => {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${sha512}, 9292))`.execute(tx);
};

/** The hashes among these that some image refers to. */
export async function hashesInUse(db: ImageExecutor, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  if (hashes.length === 0) return new Set();
  const rows = await db
    .selectFrom('images')
    .select('os_hash_value')
    .where(sql<boolean>`os_hash_value = ANY(${hashes}::text[])`)
    .execute();
  return new Set(rows.flatMap((row) => row.os_hash_value ?? []));
}

/** Transfers that a stopped process left unfinished begin again; answers the ids of images that still wait for an import. */
export async function resetTransfers(db: ImageDatabase, stagedIds: readonly string[], now: Date): Promise<void> {
  await db.updateTable('images').set({ status: 'queued', updated_at: now }).where('status', '=', 'saving').execute();
  if (stagedIds.length > 0) {
    await db
      .updateTable('images')
      .set({ status: 'uploading', updated_at: now })
      .where('status', '=', 'importing')
      .where('id', 'in', stagedIds)
      .execute();
  }
  const lost = db.updateTable('images').set({ status: 'queued', updated_at: now }).where('status', 'in', ['uploading', 'importing']);
  await (stagedIds.length === 0 ? lost : lost.where('id', 'not in', stagedIds)).execute();
}

const toMember = (row: Selectable<ImageTables['image_members']>): ImageMember => ({
  imageId: row.image_id,
  memberId: row.member_id,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const members = async (db: ImageExecutor, imageId: string): Promise<ImageMember[]> =>
  (
    await db.selectFrom('image_members').selectAll().where('image_id', '=', imageId).orderBy('created_at').orderBy('member_id').execute()
  ).map(toMember);

export async function insertMember(db: ImageExecutor, imageId: string, memberId: string, now: Date): Promise<ImageMember> {
  try {
    const row = { image_id: imageId, member_id: memberId, status: 'pending' as const, created_at: now, updated_at: now };
    return toMember(await db.insertInto('image_members').values(row).returningAll().executeTakeFirstOrThrow());
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Member ${memberId} is duplicated for image ${imageId}`, { cause: error });
    throw error;
  }
}

export async function setMemberStatus(
  db: ImageExecutor,
  imageId: string,
  memberId: string,
  status: MemberStatus,
  now: Date,
): Promise<ImageMember | null> {
  const row = await db
    .updateTable('image_members')
    .set({ status, updated_at: now })
    .where('image_id', '=', imageId)
    .where('member_id', '=', memberId)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toMember(row);
}

export const deleteMember = async (db: ImageExecutor, imageId: string, memberId: string): Promise<boolean> =>
  (await db.deleteFrom('image_members').where('image_id', '=', imageId).where('member_id', '=', memberId).executeTakeFirst())
    .numDeletedRows > 0n;
