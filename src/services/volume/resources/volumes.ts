import Type from 'typebox';
import { sql } from 'kysely';
import { invalid } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { nowOf, ofVolume, volumeRoute, type VolumeDeps } from '../deps.ts';
import { flagFilter, metadataFilter, nextLink, readListQuery, textFilter, type Listed } from '../list-query.ts';
import type { VolumeRecord } from '../records.ts';
import { Metadata, Name, Nullable, Size, Flag } from '../schemas.ts';
import { snapshotsOf } from '../store/snapshots.ts';
import { insertTask } from '../store/tasks.ts';
import { findVolume, lockVolume, selectVolumes, updateVolume, withAttachments } from '../store/volumes.ts';
import { createVolume } from './create-volume.ts';
import { changedVolumeView, volumeSummary, volumeView } from './volume-view.ts';

const NewVolume = plainBody(
  'volume',
  Type.Object(
    {
      name: Type.Optional(Name),
      display_name: Type.Optional(Name),
      description: Type.Optional(Name),
      display_description: Type.Optional(Name),
      size: Type.Optional(Nullable(Size)),
      volume_type: Type.Optional(Name),
      availability_zone: Type.Optional(Name),
      snapshot_id: Type.Optional(Name),
      source_volid: Type.Optional(Name),
      imageRef: Type.Optional(Nullable(Type.String({ maxLength: 1024 }))),
      image_id: Type.Optional(Nullable(Type.String({ maxLength: 1024 }))),
      metadata: Type.Optional(Nullable(Metadata)),
      project_id: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 64 }))),
      multiattach: Type.Optional(Nullable(Flag)),
    },
    { additionalProperties: true },
  ),
);
const VolumeChange = plainBody(
  'volume',
  Type.Object(
    {
      name: Type.Optional(Name),
      display_name: Type.Optional(Name),
      description: Type.Optional(Name),
      display_description: Type.Optional(Name),
      metadata: Type.Optional(Nullable(Metadata)),
    },
    { additionalProperties: false },
  ),
);

const listed: Listed = {
  table: 'volumes',
  sortable: {
    id: 'volumes.id',
    status: 'volumes.status',
    size: 'volumes.size',
    name: "coalesce(volumes.name, '')",
    display_name: "coalesce(volumes.name, '')",
    availability_zone: 'volumes.availability_zone',
    bootable: 'volumes.bootable',
    created_at: 'volumes.created_at',
    updated_at: 'volumes.updated_at',
  },
  filters: {
    name: textFilter('volumes.name'),
    display_name: textFilter('volumes.name'),
    status: textFilter('volumes.status'),
    id: textFilter('volumes.id'),
    size: textFilter('volumes.size'),
    user_id: textFilter('volumes.user_id'),
    availability_zone: textFilter('volumes.availability_zone'),
    volume_type: textFilter('volume_types.name'),
    snapshot_id: textFilter('volumes.snapshot_id'),
    source_volid: textFilter('volumes.source_volume_id'),
    bootable: flagFilter('volumes.bootable'),
    multiattach: flagFilter('volumes.multiattach'),
    metadata: metadataFilter('volumes.metadata'),
    glance_metadata: metadataFilter('volumes.image_metadata'),
  },
};

async function listVolumes(deps: VolumeDeps, ctx: RequestContext, details: boolean): Promise<Record<string, unknown>> {
  const asked = readListQuery(ctx, listed, deps.settings.maxLimit, 'volumes.project_id');
  let query = selectVolumes(deps.database);
  for (const condition of asked.conditions) query = query.where(condition);
  let page = query;
  for (const order of asked.order) page = page.orderBy(order);
  const rows = asked.limit === 0 ? [] : await page.limit(asked.limit).offset(asked.offset).execute();
  const volumes = await withAttachments(deps.database, rows);
  const count = asked.withCount
    ? await query
        .clearSelect()
        .select(sql<number>`count(*)`.as('count'))
        .executeTakeFirst()
    : undefined;
  return {
    volumes: volumes.map((volume) => {
      const shown = { volume, ctx, host: deps.host };
      return details ? volumeView.render(shown, ctx) : volumeSummary(shown);
    }),
    ...nextLink(ctx, details ? 'volumes/detail' : 'volumes', volumes, asked.limit),
    ...(count === undefined ? {} : { count: Number(count.count) }),
  };
}

async function summarize(deps: VolumeDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const { conditions } = readListQuery(ctx, listed, deps.settings.maxLimit, 'volumes.project_id');
  let query = selectVolumes(deps.database);
  for (const condition of conditions) query = query.where(condition);
  const row = await query
    .clearSelect()
    .select([sql<number>`count(*)`.as('count'), sql<string>`coalesce(sum(volumes.size), 0)`.as('size')])
    .executeTakeFirst();
  return { 'volume-summary': { total_count: Number(row?.count ?? 0), total_size: Number(row?.size ?? 0), metadata: {} } };
}

const deletable = ['available', 'error', 'error_deleting', 'error_restoring', 'error_extending', 'error_managing'] as const;

/** Promises the deletion. With `cascade` its snapshots go too; with `force` whatever its status is. */
export async function deleteVolume(
  deps: VolumeDeps,
  volumeId: string,
  { cascade = false, force = false }: { readonly cascade?: boolean; readonly force?: boolean },
): Promise<void> {
  await deps.database.transaction().execute(async (tx) => {
    const volume = await lockVolume(tx, volumeId);
    if (volume.status === 'deleting') return;
    if (!force && !deletable.some((status) => status === volume.status))
      throw invalid(
        `Invalid volume: Volume status must be ${deletable.join(' or ')} and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer; it is ${volume.status}.`,
      );
    if (volume.attachments.length > 0 && !force)
      throw invalid(`Invalid volume: Volume ${volumeId} is still attached, detach volume first.`);
    const snapshots = await snapshotsOf(tx, volumeId);
    if (snapshots.length > 0 && !cascade)
      throw invalid(`Invalid volume: Volume status must be available and it must not have snapshots; it has ${snapshots.length}.`);
    const busy = snapshots.find(({ status }) => status !== 'available' && status !== 'error' && status !== 'error_deleting');
    if (busy !== undefined && !force) throw invalid(`Invalid volume: Its snapshot ${busy.id} is ${busy.status}.`);
    const now = nowOf(deps);
    await updateVolume(tx, volumeId, { status: 'deleting' }, now);
    await tx.deleteFrom('attachments').where('volume_id', '=', volumeId).execute();
    await tx.updateTable('snapshots').set({ status: 'deleting', updated_at: now }).where('volume_id', '=', volumeId).execute();
    await insertTask(tx, 'delete-volume', volumeId, {}, now);
  });
  deps.nudge();
}

const shown = async (deps: VolumeDeps, ctx: RequestContext, volume: VolumeRecord) => ({
  volume: volumeView.render({ volume, ctx, host: deps.host }, ctx),
});
const changed = (deps: VolumeDeps, ctx: RequestContext, volume: VolumeRecord) => ({
  volume: changedVolumeView.render({ volume, ctx, host: deps.host }, ctx),
});

export const volumeRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/volumes',
    summary: 'List volumes',
    policy: 'volume:get_all',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => listVolumes(deps, ctx, false),
  }),
  volumeRoute({
    method: 'GET',
    path: '/volumes/detail',
    summary: 'List volumes with details',
    policy: 'volume:get_all',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => listVolumes(deps, ctx, true),
  }),
  volumeRoute({
    method: 'GET',
    path: '/volumes/summary',
    summary: 'Count volumes',
    since: '3.12',
    policy: 'volume:get_all',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => summarize(deps, ctx),
  }),
  volumeRoute({
    method: 'POST',
    path: '/volumes',
    summary: 'Create a volume',
    policy: 'volume:create',
    body: { key: 'volume', schema: NewVolume },
    reply: { status: 202 },
    async handle({ body, ctx, deps }) {
      const { display_name, display_description, image_id, ...wish } = body;
      const volume = await createVolume(deps, ctx, {
        ...wish,
        name: wish.name ?? display_name ?? null,
        description: wish.description ?? display_description ?? null,
        imageRef: wish.imageRef ?? image_id ?? null,
      });
      return new Reply(202, changed(deps, ctx, volume));
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/volumes/:volumeId',
    summary: 'Show a volume',
    policy: 'volume:get',
    ...ofVolume,
    reply: { status: 200 },
    handle: ({ loaded, ctx, deps }) => shown(deps, ctx, loaded),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/volumes/:volumeId',
    summary: 'Change a volume',
    policy: 'volume:update',
    ...ofVolume,
    body: { key: 'volume', schema: VolumeChange },
    reply: { status: 200 },
    async handle({ loaded, body, ctx, deps }) {
      if (Object.keys(body).length === 0) throw invalid("None is not of type 'object'");
      const { display_name, display_description, name = display_name, description = display_description, metadata } = body;
      await updateVolume(
        deps.database,
        loaded.id,
        {
          ...(name === undefined ? {} : { name }),
          ...(description === undefined ? {} : { description }),
          ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
        },
        nowOf(deps),
      );
      return changed(deps, ctx, (await findVolume(deps.database, loaded.id)) ?? loaded);
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/volumes/:volumeId',
    summary: 'Delete a volume',
    policy: 'volume:delete',
    ...ofVolume,
    reply: { status: 202 },
    async handle({ loaded, ctx, deps }) {
      const query = new URLSearchParams(ctx.rawQuery);
      const force = isTruthy(query.get('force') ?? undefined);
      if (force) ctx.authorize('volume:force_delete', { project_id: loaded.projectId });
      await deleteVolume(deps, loaded.id, { cascade: isTruthy(query.get('cascade') ?? undefined), force });
    },
  }),
];
