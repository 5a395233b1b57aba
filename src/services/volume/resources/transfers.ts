import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import Type from 'typebox';
import type { Selectable } from 'kysely';
import { invalid, notFound } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { mayKnow, nowOf, ownedBy, visibleVolume, volumeRoute, type VolumeDeps } from '../deps.ts';
import { formatTime } from '../records.ts';
import { Flag, Name, Uuid } from '../schemas.ts';
import { takeQuota } from '../store/quotas.ts';
import { snapshotsOf } from '../store/snapshots.ts';
import { lockVolume, updateVolume } from '../store/volumes.ts';
import type { VolumeTables } from '../tables.ts';

type TransferRow = Selectable<VolumeTables['transfers']>;

const NewTransfer = plainBody(
  'transfer',
  Type.Object({ volume_id: Uuid, name: Type.Optional(Name), no_snapshots: Type.Optional(Flag) }, { additionalProperties: true }),
);
const Acceptance = plainBody(
  'accept',
  Type.Object({ auth_key: Type.String({ minLength: 1, maxLength: 255 }) }, { additionalProperties: true }),
);

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');
const view = ({ id, name, volume_id }: TransferRow, ctx: RequestContext) => ({
  id,
  name,
  volume_id,
  links: [{ rel: 'self', href: `${ctx.baseUrl}${ctx.mount}/os-volume-transfer/${id}` }],
});
const detail = (transfer: TransferRow, ctx: RequestContext) => ({
  ...view(transfer, ctx),
  created_at: formatTime(transfer.created_at),
  ...(ctx.version >= 3057 ? { source_project_id: transfer.project_id, destination_project_id: null, accepted: false } : {}),
});

const transferNotFound = (id: string) => notFound(`Transfer ${id.slice(0, 64)} could not be found.`);

async function find({ database }: VolumeDeps, text: string): Promise<TransferRow> {
  const id = normalizeUuid(text);
  const row = id === null ? undefined : await database.selectFrom('transfers').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw transferNotFound(text);
  return row;
}

interface Input {
  readonly params: { readonly transferId: string };
  readonly ctx: RequestContext;
  readonly deps: VolumeDeps;
}
const ofTransfer = {
  load: async ({ params, ctx, deps }: Input): Promise<TransferRow> => {
    const transfer = await find(deps, params.transferId);
    if (!mayKnow(ctx, transfer.project_id)) throw transferNotFound(params.transferId);
    return transfer;
  },
  target: ({ project_id }: TransferRow) => ({ project_id }),
};

async function create(
  deps: VolumeDeps,
  ctx: RequestContext,
  wish: { readonly volume_id: string; readonly name?: string | null },
): Promise<Reply> {
  const found = await visibleVolume(deps, ctx, wish.volume_id);
  ctx.authorize('volume:create_transfer', ownedBy(found));
  const key = randomBytes(8).toString('hex');
  const id = deps.ids.uuid();
  await deps.database.transaction().execute(async (tx) => {
    const volume = await lockVolume(tx, found.id);
    if (volume.status !== 'available') throw invalid('Invalid volume: status must be available');
    if (volume.encryptionKeyId !== null) throw invalid('Invalid volume: transferring encrypted volume is not supported.');
    if ((await snapshotsOf(tx, volume.id)).length > 0)
      throw invalid(`Invalid volume: volume ${volume.id} has snapshots, which cannot go with it.`);
    const now = nowOf(deps);
    await updateVolume(tx, volume.id, { status: 'awaiting-transfer' }, now);
    await tx
      .insertInto('transfers')
      .values({ id, volume_id: volume.id, name: wish.name ?? null, project_id: volume.projectId, key_hash: hashOf(key), created_at: now })
      .execute();
  });
  return new Reply(202, { transfer: { ...detail(await find(deps, id), ctx), auth_key: key } });
}

async function accept(deps: VolumeDeps, ctx: RequestContext, text: string, key: string): Promise<Reply> {
  const transfer = await find(deps, text);
  if (!timingSafeEqual(Buffer.from(hashOf(key)), Buffer.from(transfer.key_hash)))
    throw invalid(`Invalid auth key: Attempt to transfer ${transfer.id} with invalid auth key.`);
  const projectId = ctx.caller.projectId ?? '';
  await deps.database.transaction().execute(async (tx) => {
    const volume = await lockVolume(tx, transfer.volume_id);
    if (volume.status !== 'awaiting-transfer') throw invalid(`Invalid volume: Volume ${volume.id} is not awaiting a transfer.`);
    await takeQuota(tx, deps.settings, projectId, { volumes: 1, gigabytes: volume.size, size: volume.size });
    await updateVolume(tx, volume.id, { projectId, userId: ctx.caller.userId, status: 'available' }, nowOf(deps));
    await tx.deleteFrom('transfers').where('id', '=', transfer.id).execute();
  });
  return new Reply(202, { transfer: view(transfer, ctx) });
}

async function list(deps: VolumeDeps, ctx: RequestContext, details: boolean): Promise<Record<string, unknown>> {
  const all = ctx.can('context_is_admin') && isTruthy(new URLSearchParams(ctx.rawQuery).get('all_tenants') ?? undefined);
  const query = deps.database.selectFrom('transfers').selectAll().orderBy('created_at', 'desc').orderBy('id').limit(deps.settings.maxLimit);
  const rows = await (all ? query : query.where('project_id', '=', ctx.caller.projectId ?? '')).execute();
  return { transfers: rows.map((row) => (details ? detail(row, ctx) : view(row, ctx))) };
}

/** Offers of volumes to other projects; the newer path does the same. */
const under = (base: '/os-volume-transfer' | '/volume-transfers', since: { readonly since?: '3.55' }): readonly AnyRoute<VolumeDeps>[] => [
  ...([base, `${base}/detail`] as const).map((path) =>
    volumeRoute({
      method: 'GET',
      path,
      summary: 'List offers of volumes',
      ...since,
      policy: 'volume:get_all_transfers',
      reply: { status: 200 },
      handle: ({ ctx, deps }) => list(deps, ctx, path !== base),
    }),
  ),
  volumeRoute({
    method: 'POST',
    path: base,
    summary: 'Offer a volume to another project',
    ...since,
    policy: 'authenticated',
    body: { key: 'transfer', schema: NewTransfer },
    reply: { status: 202 },
    handle: ({ body, ctx, deps }) => create(deps, ctx, body),
  }),
  volumeRoute({
    method: 'GET',
    path: `${base}/:transferId`,
    summary: 'Show an offer of a volume',
    ...since,
    policy: 'volume:get_transfer',
    ...ofTransfer,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ transfer: detail(loaded, ctx) }),
  }),
  volumeRoute({
    method: 'POST',
    path: `${base}/:transferId/accept`,
    summary: 'Accept a volume that was offered',
    ...since,
    policy: 'volume:accept_transfer',
    body: { key: 'accept', schema: Acceptance },
    reply: { status: 202 },
    handle: ({ params, body, ctx, deps }) => accept(deps, ctx, params.transferId, body.auth_key),
  }),
  volumeRoute({
    method: 'DELETE',
    path: `${base}/:transferId`,
    summary: 'Take an offer of a volume back',
    ...since,
    policy: 'volume:delete_transfer',
    ...ofTransfer,
    reply: { status: 202 },
    handle: ({ loaded, deps }) =>
      deps.database.transaction().execute(async (tx) => {
        const volume = await lockVolume(tx, loaded.volume_id);
        if (volume.status === 'awaiting-transfer') await updateVolume(tx, volume.id, { status: 'available' }, nowOf(deps));
        await tx.deleteFrom('transfers').where('id', '=', loaded.id).execute();
      }),
  }),
];

export const transferRoutes: readonly AnyRoute<VolumeDeps>[] = [
  ...under('/os-volume-transfer', {}),
  ...under('/volume-transfers', { since: '3.55' }),
];
