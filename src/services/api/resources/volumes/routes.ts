import Type from 'typebox';
import type { Session } from '../../../../clients/session.ts';
import type { Volume, VolumeSnapshot } from '../../../../clients/volume.ts';
import { isKind, overQuota } from '../../../../lib/errors.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { digits, versionedQuery } from '../../../../lib/http/query.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { microseconds } from '../../dates.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { selfUrl } from '../../links.ts';
import { offsetPage } from '../../paging.ts';
import { Bool, Metadata } from '../../schemas.ts';

const until = '2.35';
const page = versionedQuery({ limit: { type: digits }, offset: { type: digits } });
const text = Type.Optional(Type.Union([Type.String(), Type.Null()]));

const CreateVolume = plainBody(
  'CreateVolume',
  Type.Object(
    {
      size: Type.Union([Type.Integer({ minimum: 1 }), Type.String({ pattern: '^[1-9][0-9]*$' })]),
      volume_type: text,
      metadata: Type.Optional(Type.Union([Metadata, Type.Null()])),
      snapshot_id: text,
      availability_zone: text,
      display_name: text,
      display_description: text,
    },
    { additionalProperties: true },
  ),
);
const CreateSnapshot = plainBody(
  'CreateSnapshot',
  Type.Object(
    { volume_id: Type.String(), force: Type.Optional(Bool), display_name: text, display_description: text },
    { additionalProperties: true },
  ),
);

/** A volume as compute showed it; one that nobody uses has one empty attachment. */
const asVolume = (volume: Volume) => ({
  id: volume.id,
  status: volume.status,
  size: volume.size,
  availabilityZone: volume.availabilityZone,
  createdAt: microseconds(volume.createdAt),
  attachments:
    volume.uses.length === 0
      ? [{}]
      : volume.uses.map(({ serverId, device }) => ({
          id: volume.id,
          volumeId: volume.id,
          serverId,
          ...(device === null ? {} : { device }),
        })),
  displayName: volume.name,
  displayDescription: volume.description,
  volumeType: volume.volumeType,
  snapshotId: volume.snapshotId,
  metadata: volume.metadata,
});

const asSnapshot = (snapshot: VolumeSnapshot) => ({
  id: snapshot.id,
  volumeId: snapshot.volumeId,
  status: snapshot.status,
  size: snapshot.size,
  createdAt: microseconds(snapshot.createdAt),
  displayName: snapshot.name,
  displayDescription: snapshot.description,
});

const slice = <T>(deps: ApiDeps, query: { readonly limit?: string; readonly offset?: string }, all: readonly T[]): readonly T[] => {
  const { limit, offset } = offsetPage(deps, query);
  return all.slice(offset, offset + limit);
};

/** The volume service's word of a quota that is used up is 413; Nova says 403. */
const asQuota = (error: unknown): never => {
  if (isKind(error, 'quota')) throw overQuota(error.message, { cause: error });
  throw error;
};

/** The two lists of a kind of thing, which compute showed alike. */
const listsOf = <T>(
  key: 'volumes' | 'snapshots',
  rule: 'os_compute_api:os-volumes' | 'os_compute_api:os-volumes:snapshots',
  what: string,
  { all, show }: { readonly all: (deps: ApiDeps, session: Session) => Promise<readonly T[]>; readonly show: (thing: T) => object },
) =>
  (
    [
      [`/os-${key}`, `${rule}:list`, `List ${what}`],
      [`/os-${key}/detail`, `${rule}:detail`, `List ${what} with all they have`],
    ] as const
  ).map(([path, policy, summary]) =>
    route({
      method: 'GET',
      path,
      until,
      summary,
      policy,
      query: page,
      reply: { status: 200, key },
      handle: async ({ query, ctx, deps }) => slice(deps, query, await all(deps, deps.identity.sessionOf(ctx.caller))).map(show),
    }),
  );

/** Volumes and their snapshots as compute showed them: the volume service's, asked in the caller's name. */
export const volumeRoutes = [
  ...listsOf('volumes', 'os_compute_api:os-volumes', 'volumes', { all: (deps, session) => deps.volume.list(session), show: asVolume }),
  route({
    method: 'POST',
    path: '/os-volumes',
    until,
    summary: 'Create a volume',
    policy: 'os_compute_api:os-volumes:create',
    body: { key: 'volume', schema: CreateVolume },
    reply: { status: 200 },
    handle: async ({ body, ctx, deps }) => {
      const volume = await deps.volume
        .create(deps.identity.sessionOf(ctx.caller), {
          size: Number(body.size),
          ...(body.display_name == null ? {} : { name: body.display_name }),
          ...(body.display_description == null ? {} : { description: body.display_description }),
          ...(body.volume_type == null ? {} : { volumeType: body.volume_type }),
          ...(body.availability_zone == null ? {} : { availabilityZone: body.availability_zone }),
          ...(body.snapshot_id == null ? {} : { snapshotId: body.snapshot_id }),
          ...(body.metadata == null ? {} : { metadata: body.metadata }),
        })
        .catch(asQuota);
      return new Reply(200, { volume: asVolume(volume) }, { location: selfUrl(ctx, 'os-volumes', volume.id) });
    },
  }),
  route({
    method: 'GET',
    path: '/os-volumes/:volumeId',
    until,
    summary: 'Show a volume',
    policy: 'os_compute_api:os-volumes:show',
    reply: { status: 200, key: 'volume' },
    handle: async ({ params: { volumeId }, ctx, deps }) => asVolume(await deps.volume.show(deps.identity.sessionOf(ctx.caller), volumeId)),
  }),
  route({
    method: 'DELETE',
    path: '/os-volumes/:volumeId',
    until,
    summary: 'Delete a volume',
    policy: 'os_compute_api:os-volumes:delete',
    reply: { status: 202 },
    handle: async ({ params: { volumeId }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      await deps.volume.show(session, volumeId);
      await deps.volume.delete(session, volumeId);
    },
  }),
  ...listsOf('snapshots', 'os_compute_api:os-volumes:snapshots', 'snapshots of volumes', {
    all: (deps, session) => deps.volume.snapshots(session),
    show: asSnapshot,
  }),
  route({
    method: 'POST',
    path: '/os-snapshots',
    until,
    summary: 'Take a snapshot of a volume',
    policy: 'os_compute_api:os-volumes:snapshots:create',
    body: { key: 'snapshot', schema: CreateSnapshot },
    reply: { status: 200, key: 'snapshot' },
    handle: async ({ body, ctx, deps }) => {
      const snapshot = await deps.volume
        .createSnapshot(deps.identity.sessionOf(ctx.caller), {
          volumeId: body.volume_id,
          name: body.display_name ?? '',
          ...(body.display_description == null ? {} : { description: body.display_description }),
        })
        .catch(asQuota);
      return asSnapshot(snapshot);
    },
  }),
  route({
    method: 'GET',
    path: '/os-snapshots/:snapshotId',
    until,
    summary: 'Show a snapshot of a volume',
    policy: 'os_compute_api:os-volumes:snapshots:show',
    reply: { status: 200, key: 'snapshot' },
    handle: async ({ params: { snapshotId }, ctx, deps }) =>
      asSnapshot(await deps.volume.snapshot(deps.identity.sessionOf(ctx.caller), snapshotId)),
  }),
  route({
    method: 'DELETE',
    path: '/os-snapshots/:snapshotId',
    until,
    summary: 'Delete a snapshot of a volume',
    policy: 'os_compute_api:os-volumes:snapshots:delete',
    reply: { status: 202 },
    handle: async ({ params: { snapshotId }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      await deps.volume.snapshot(session, snapshotId);
      await deps.volume.deleteSnapshot(session, snapshotId);
    },
  }),
];
