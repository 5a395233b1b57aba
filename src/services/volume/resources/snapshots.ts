import Type from 'typebox';
import { sql } from 'kysely';
import { invalid } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import { actionFactory, Reply, type ActionRoute, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { isDuplicate } from '../../../lib/sql/database.ts';
import { nowOf, ofSnapshot, ownedBy, repeatKey, visibleSnapshot, visibleVolume, volumeRoute, type VolumeDeps } from '../deps.ts';
import { metadataFilter, nextLink, readListQuery, textFilter, type Listed } from '../list-query.ts';
import type { VolumeRule } from '../policy.ts';
import { formatTime, type SnapshotRecord } from '../records.ts';
import { Flag, Metadata, Name, Nullable, readFlag, Uuid, type Texts } from '../schemas.ts';
import { takeQuota } from '../store/quotas.ts';
import { findSnapshot, insertSnapshot, snapshotAskedWith, snapshotNotFound, toSnapshotRecord, updateSnapshot } from '../store/snapshots.ts';
import { insertTask } from '../store/tasks.ts';
import { lockVolume } from '../store/volumes.ts';

const NewSnapshot = plainBody(
  'snapshot',
  Type.Object(
    {
      volume_id: Uuid,
      name: Type.Optional(Name),
      description: Type.Optional(Name),
      force: Type.Optional(Nullable(Flag)),
      metadata: Type.Optional(Nullable(Metadata)),
    },
    { additionalProperties: true },
  ),
);
const SnapshotChange = plainBody(
  'snapshot',
  Type.Object({ name: Type.Optional(Name), description: Type.Optional(Name) }, { additionalProperties: false, minProperties: 1 }),
);

const listed: Listed = {
  table: 'snapshots',
  sortable: {
    id: 'snapshots.id',
    name: "coalesce(snapshots.name, '')",
    status: 'snapshots.status',
    size: 'snapshots.size',
    volume_id: 'snapshots.volume_id',
    created_at: 'snapshots.created_at',
    updated_at: 'snapshots.updated_at',
  },
  filters: {
    name: textFilter('snapshots.name'),
    status: textFilter('snapshots.status'),
    id: textFilter('snapshots.id'),
    volume_id: textFilter('snapshots.volume_id'),
    metadata: metadataFilter('snapshots.metadata'),
  },
};

const summary = (snapshot: SnapshotRecord): Record<string, unknown> => ({
  id: snapshot.id,
  name: snapshot.name,
  description: snapshot.description,
  volume_id: snapshot.volumeId,
  status: snapshot.status,
  size: snapshot.size,
  created_at: formatTime(snapshot.createdAt),
  updated_at: formatTime(snapshot.updatedAt),
  metadata: snapshot.metadata,
});

const detail = (snapshot: SnapshotRecord, ctx: RequestContext): Record<string, unknown> => ({
  ...summary(snapshot),
  ...(ctx.can('volume_extension:extended_snapshot_attributes', ownedBy(snapshot))
    ? {
        'os-extended-snapshot-attributes:project_id': snapshot.projectId,
        'os-extended-snapshot-attributes:progress': snapshot.status === 'available' ? '100%' : '0%',
      }
    : {}),
  ...(ctx.version >= 3014 ? { group_snapshot_id: null } : {}),
  ...(ctx.version >= 3041 ? { user_id: snapshot.userId } : {}),
  ...(ctx.version >= 3065 ? { consumes_quota: true } : {}),
});

async function listSnapshots(deps: VolumeDeps, ctx: RequestContext, details: boolean): Promise<Record<string, unknown>> {
  const asked = readListQuery(ctx, listed, deps.settings.maxLimit, 'snapshots.project_id');
  let query = deps.database.selectFrom('snapshots').selectAll();
  for (const condition of asked.conditions) query = query.where(condition);
  let page = query;
  for (const order of asked.order) page = page.orderBy(order);
  const rows = asked.limit === 0 ? [] : await page.limit(asked.limit).offset(asked.offset).execute();
  const snapshots = rows.map(toSnapshotRecord);
  const count = asked.withCount
    ? await query
        .clearSelect()
        .select(sql<number>`count(*)`.as('count'))
        .executeTakeFirst()
    : undefined;
  return {
    snapshots: snapshots.map((snapshot) => (details ? detail(snapshot, ctx) : summary(snapshot))),
    ...nextLink(ctx, details ? 'snapshots/detail' : 'snapshots', snapshots, asked.limit),
    ...(count === undefined ? {} : { count: Number(count.count) }),
  };
}

interface SnapshotWish {
  readonly volume_id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly force?: boolean | string | null;
  readonly metadata?: Texts | null;
}

async function createSnapshot(deps: VolumeDeps, ctx: RequestContext, wish: SnapshotWish): Promise<SnapshotRecord> {
  const volume = await visibleVolume(deps, ctx, wish.volume_id);
  ctx.authorize('volume:create_snapshot', ownedBy(volume));
  // since 3.66 a volume in use needs no force
  if (ctx.version >= 3066 && wish.force !== undefined && wish.force !== null && !readFlag(wish.force))
    throw invalid("Since microversion 3.66 the 'force' parameter is invalid for this request.");
  const idempotencyKey = repeatKey(ctx, 'snapshot');
  const earlier = idempotencyKey === null ? null : await snapshotAskedWith(deps.database, idempotencyKey);
  if (earlier !== null) return earlier;
  const force = ctx.version >= 3066 || (wish.force !== undefined && wish.force !== null && readFlag(wish.force));
  const id = deps.ids.uuid();
  let made: SnapshotRecord;
  try {
    made = await deps.database.transaction().execute(async (tx) => {
      const locked = await lockVolume(tx, volume.id);
      if (locked.status !== 'available' && !(force && ['in-use', 'reserved', 'attaching', 'detaching'].includes(locked.status)))
        throw invalid(
          locked.status === 'in-use'
            ? `Invalid volume: Volume ${volume.id} status must be available, but current status is: in-use. Use force to take a snapshot of it.`
            : `Invalid volume: Volume ${volume.id} status must be available or in-use, but current status is: ${locked.status}.`,
        );
      await takeQuota(tx, deps.settings, volume.projectId, { snapshots: 1, gigabytes: locked.size });
      const { name = null, description = null } = wish;
      const { projectId, size } = locked;
      const promised = await insertSnapshot(
        tx,
        {
          id,
          volumeId: volume.id,
          projectId,
          userId: ctx.caller.userId,
          name,
          description,
          size,
          metadata: wish.metadata ?? {},
          idempotencyKey,
        },
        nowOf(deps),
      );
      await insertTask(tx, 'create-snapshot', volume.id, { snapshotId: id }, nowOf(deps));
      return promised; // a moment later it may be done
    });
  } catch (error) {
    const same = idempotencyKey !== null && isDuplicate(error) ? await snapshotAskedWith(deps.database, idempotencyKey) : null;
    if (same !== null) return same;
    throw error;
  }
  deps.nudge();
  return made;
}

async function deleteSnapshot(deps: VolumeDeps, { id, volumeId }: SnapshotRecord, force: boolean): Promise<void> {
  await deps.database.transaction().execute(async (tx) => {
    const snapshot = await findSnapshot(tx, id, { lock: true });
    if (snapshot === null) throw snapshotNotFound(id);
    if (snapshot.status === 'deleting') return;
    if (!force && !['available', 'error', 'error_deleting'].includes(snapshot.status))
      throw invalid(`Invalid snapshot: Snapshot status must be one of available, error or error_deleting, and is ${snapshot.status}.`);
    const copying = await tx
      .selectFrom('tasks')
      .select('id')
      .where('kind', '=', 'create-volume')
      .where(sql<boolean>`params ->> 'snapshotId' = ${id}`)
      .executeTakeFirst();
    if (copying !== undefined) throw invalid(`Invalid snapshot: a volume is being created from snapshot ${id}.`);
    await updateSnapshot(tx, id, { status: 'deleting' }, nowOf(deps));
    await insertTask(tx, 'delete-snapshot', volumeId, { snapshotId: id }, nowOf(deps));
  });
  deps.nudge();
}

export const snapshotRoutes: readonly AnyRoute<VolumeDeps>[] = [
  ...(['/snapshots', '/snapshots/detail'] as const).map((path) =>
    volumeRoute({
      method: 'GET',
      path,
      summary: path === '/snapshots' ? 'List snapshots' : 'List snapshots with details',
      policy: 'volume:get_all_snapshots',
      reply: { status: 200 },
      handle: ({ ctx, deps }) => listSnapshots(deps, ctx, path !== '/snapshots'),
    }),
  ),
  volumeRoute({
    method: 'POST',
    path: '/snapshots',
    summary: 'Take a snapshot',
    policy: 'authenticated',
    body: { key: 'snapshot', schema: NewSnapshot },
    reply: { status: 202 },
    handle: async ({ body, ctx, deps }) => new Reply(202, { snapshot: detail(await createSnapshot(deps, ctx, body), ctx) }),
  }),
  volumeRoute({
    method: 'GET',
    path: '/snapshots/:snapshotId',
    summary: 'Show a snapshot',
    policy: 'volume:get_snapshot',
    ...ofSnapshot,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ snapshot: detail(loaded, ctx) }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/snapshots/:snapshotId',
    summary: 'Change a snapshot',
    policy: 'volume:update_snapshot',
    ...ofSnapshot,
    body: { key: 'snapshot', schema: SnapshotChange },
    reply: { status: 200 },
    async handle({ loaded, body, deps, ctx }) {
      await updateSnapshot(deps.database, loaded.id, body, nowOf(deps));
      return { snapshot: detail((await findSnapshot(deps.database, loaded.id)) ?? loaded, ctx) };
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/snapshots/:snapshotId',
    summary: 'Delete a snapshot',
    policy: 'volume:delete_snapshot',
    ...ofSnapshot,
    reply: { status: 202 },
    handle: ({ loaded, deps, ctx }) => {
      const force = isTruthy(new URLSearchParams(ctx.rawQuery).get('force') ?? undefined);
      if (force) ctx.authorize('volume_extension:snapshot_admin_actions:force_delete', ownedBy(loaded));
      return deleteSnapshot(deps, loaded, force);
    },
  }),
];

const action = actionFactory<VolumeDeps, VolumeRule, SnapshotRecord>();
const snapshotStatuses = ['creating', 'available', 'deleting', 'error', 'error_deleting'] as const;

export const snapshotActions: ActionRoute<VolumeDeps, SnapshotRecord> = {
  path: '/snapshots/:snapshotId/action',
  load: ({ params, ctx, deps }) => visibleSnapshot(deps, ctx, params['snapshotId'] ?? ''),
  target: ownedBy,
  actions: [
    action({
      key: 'os-reset_status',
      summary: 'Set the status of a snapshot',
      policy: 'volume_extension:snapshot_admin_actions:reset_status',
      body: plainBody('os-reset_status', Type.Object({ status: Type.Enum([...snapshotStatuses]) }, { additionalProperties: true })),
      reply: { status: 202 },
      handle: ({ loaded, body, deps }) => updateSnapshot(deps.database, loaded.id, { status: body.status }, nowOf(deps)),
    }),
    action({
      key: 'os-force_delete',
      summary: 'Delete a snapshot whatever its status',
      policy: 'volume_extension:snapshot_admin_actions:force_delete',
      reply: { status: 202 },
      handle: ({ loaded, deps }) => deleteSnapshot(deps, loaded, true),
    }),
  ],
};
