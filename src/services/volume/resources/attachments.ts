import Type from 'typebox';
import type { Connector } from '../../../clients/volume.ts';
import { fromNbdConnection } from '../../../clients/volume-wire.ts';
import { actionFactory, type ActionRoute, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody, versionedBody } from '../../../lib/http/versioned-body.ts';
import type { PolicyTarget } from '../../../lib/policy/policy.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { complete, connect, connectionOf, disconnect, isService, reserve } from '../attach.ts';
import { mayKnow, ownedBy, repeatKey, visibleVolume, volumeRoute, type VolumeDeps } from '../deps.ts';
import { nextLink, readListQuery, textFilter, type Listed } from '../list-query.ts';
import type { VolumeRule } from '../policy.ts';
import { formatTime, isConnected, type AttachmentRecord, type VolumeRecord } from '../records.ts';
import { Nullable, Uuid } from '../schemas.ts';
import { attachmentNotFound, findAttachment } from '../store/attachments.ts';
import { findVolume, toAttachmentRecord, volumesById } from '../store/volumes.ts';

const ConnectorSchema = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 255 }),
    ip: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
    mode: Type.Optional(Type.Enum(['rw', 'ro'])),
    mountpoint: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
    initiator: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
    platform: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
    os_type: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
    multipath: Type.Optional(Nullable(Type.Boolean())),
    reconnects: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: true, maxProperties: 64 },
);
const NewAttachment = versionedBody(
  'attachment',
  {
    volume_uuid: { type: Uuid, required: true },
    instance_uuid: { type: Nullable(Uuid) },
    connector: { type: Nullable(Type.Union([ConnectorSchema, Type.Object({}, { maxProperties: 0, additionalProperties: false })])) },
    mode: { since: '3.54', type: Nullable(Type.Enum(['rw', 'ro'])) },
  },
  { unknownKeys: 'accept' },
);
const AttachmentChange = plainBody('attachment', Type.Object({ connector: ConnectorSchema }, { additionalProperties: true }));

/** What is kept of a connector: what is known, and nothing that others may make big. */
const kept = (connector: {
  readonly host: string;
  readonly ip?: string | null;
  readonly mode?: 'rw' | 'ro';
  readonly mountpoint?: string | null;
  readonly reconnects?: boolean;
}): Connector => ({
  host: connector.host,
  ip: connector.ip ?? '',
  ...(connector.mode === undefined ? {} : { mode: connector.mode }),
  ...(connector.reconnects === undefined ? {} : { reconnects: connector.reconnects }),
  ...(typeof connector.mountpoint === 'string' ? { mountpoint: connector.mountpoint } : {}),
});

interface LoadedAttachment {
  readonly attachment: AttachmentRecord;
  readonly volume: VolumeRecord;
}

async function visibleAttachment(deps: VolumeDeps, ctx: RequestContext, text: string): Promise<LoadedAttachment> {
  const id = normalizeUuid(text);
  const attachment = id === null ? null : await findAttachment(deps.database, id);
  const volume = attachment === null ? null : await findVolume(deps.database, attachment.volumeId);
  if (attachment === null || volume === null || !mayKnow(ctx, volume.projectId)) throw attachmentNotFound(text);
  return { attachment, volume };
}

const ofAttachment = {
  load: ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly attachmentId: string };
    readonly ctx: RequestContext;
    readonly deps: VolumeDeps;
  }): Promise<LoadedAttachment> => visibleAttachment(deps, ctx, params.attachmentId),
  target: ({ volume }: LoadedAttachment): PolicyTarget => ownedBy(volume),
};

const summary = ({ id, status, serverId, volumeId }: AttachmentRecord): Record<string, unknown> => ({
  id,
  status,
  instance: serverId,
  volume_id: volumeId,
});

/** The whole attachment; how it is connected is told to services and administrators only. */
async function detail(deps: VolumeDeps, ctx: RequestContext, { attachment, volume }: LoadedAttachment): Promise<Record<string, unknown>> {
  const trusted = isService(ctx) || ctx.can('volume:attachment_connection', ownedBy(volume));
  const connection = trusted ? await connectionOf(deps, volume, attachment) : null;
  return {
    ...summary(attachment),
    attached_at: attachment.attachedAt === null ? '' : formatTime(attachment.attachedAt),
    detached_at: '',
    attach_mode: attachment.mode ?? attachment.wantedMode ?? 'null',
    connection_info: connection === null ? {} : { ...fromNbdConnection(connection), attachment_id: attachment.id },
  };
}

const listed: Listed = {
  table: 'attachments',
  sortable: {
    id: 'attachments.id',
    created_at: 'attachments.created_at',
    volume_id: 'attachments.volume_id',
    status: 'attachments.status',
  },
  filters: {
    volume_id: textFilter('attachments.volume_id'),
    instance_id: textFilter('attachments.server_id'),
    status: textFilter('attachments.status'),
    attach_status: textFilter('attachments.status'),
    id: textFilter('attachments.id'),
  },
};

async function listAttachments(deps: VolumeDeps, ctx: RequestContext, details: boolean): Promise<Record<string, unknown>> {
  const asked = readListQuery(
    ctx,
    listed,
    deps.settings.maxLimit,
    '(SELECT v.project_id FROM volumes v WHERE v.id = attachments.volume_id)',
  );
  let query = deps.database.selectFrom('attachments').selectAll();
  for (const condition of asked.conditions) query = query.where(condition);
  for (const order of asked.order) query = query.orderBy(order);
  const rows = asked.limit === 0 ? [] : await query.limit(asked.limit).offset(asked.offset).execute();
  const attachments = rows.map(toAttachmentRecord);
  const volumes = details
    ? await volumesById(
        deps.database,
        attachments.map(({ volumeId }) => volumeId),
      )
    : null;
  const shown = [];
  for (const attachment of attachments) {
    const volume = volumes?.get(attachment.volumeId);
    shown.push(volume === undefined ? summary(attachment) : await detail(deps, ctx, { attachment, volume }));
  }
  return { attachments: shown, ...nextLink(ctx, details ? 'attachments/detail' : 'attachments', attachments, asked.limit) };
}

const again = async (deps: VolumeDeps, attachment: AttachmentRecord): Promise<LoadedAttachment> => {
  const [fresh, volume] = [await findAttachment(deps.database, attachment.id), await findVolume(deps.database, attachment.volumeId)];
  if (fresh === null || volume === null) throw attachmentNotFound(attachment.id);
  return { attachment: fresh, volume };
};

export const attachmentRoutes: readonly AnyRoute<VolumeDeps>[] = [
  ...(['/attachments', '/attachments/detail'] as const).map((path) =>
    volumeRoute({
      method: 'GET',
      path,
      summary: path === '/attachments' ? 'List attachments' : 'List attachments with details',
      since: '3.27',
      policy: 'volume:attachment_get',
      reply: { status: 200 },
      handle: ({ ctx, deps }) => listAttachments(deps, ctx, path !== '/attachments'),
    }),
  ),
  volumeRoute({
    method: 'POST',
    path: '/attachments',
    summary: 'Attach a volume',
    since: '3.27',
    policy: 'authenticated',
    body: { key: 'attachment', schema: NewAttachment },
    reply: { status: 200 },
    async handle({ body, ctx, deps }) {
      const volume = await visibleVolume(deps, ctx, body.volume_uuid);
      ctx.authorize('volume:attachment_create', ownedBy(volume));
      const attachment = await reserve(deps, volume.id, {
        serverId: body.instance_uuid === undefined || body.instance_uuid === null ? null : normalizeUuid(body.instance_uuid),
        mode: body.mode ?? null,
        idempotencyKey: repeatKey(ctx, 'attachment'),
      });
      const { connector } = body;
      if (connector !== undefined && connector !== null && 'host' in connector) {
        try {
          await connect(deps, attachment, kept(connector));
        } catch (error) {
          if (!isConnected(attachment)) await disconnect(deps, null, attachment);
          throw error;
        }
      }
      return { attachment: await detail(deps, ctx, await again(deps, attachment)) };
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/attachments/:attachmentId',
    summary: 'Show an attachment',
    since: '3.27',
    policy: 'volume:attachment_get',
    ...ofAttachment,
    reply: { status: 200 },
    handle: async ({ loaded, ctx, deps }) => ({ attachment: await detail(deps, ctx, loaded) }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/attachments/:attachmentId',
    summary: 'Connect an attachment',
    since: '3.27',
    policy: 'volume:attachment_update',
    ...ofAttachment,
    body: { key: 'attachment', schema: AttachmentChange },
    reply: { status: 200 },
    async handle({ loaded, body, ctx, deps }) {
      await connect(deps, loaded.attachment, kept(body.connector));
      return { attachment: await detail(deps, ctx, await again(deps, loaded.attachment)) };
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/attachments/:attachmentId',
    summary: 'Delete an attachment',
    since: '3.27',
    policy: 'volume:attachment_delete',
    ...ofAttachment,
    reply: { status: 200 },
    async handle({ loaded, ctx, deps }) {
      await disconnect(deps, ctx, loaded.attachment);
      const volume = await findVolume(deps.database, loaded.volume.id);
      return { attachments: (volume?.attachments ?? []).map(summary) };
    },
  }),
];

const action = actionFactory<VolumeDeps, VolumeRule, LoadedAttachment>();

export const attachmentActions: ActionRoute<VolumeDeps, LoadedAttachment> = {
  path: '/attachments/:attachmentId/action',
  load: ({ params, ctx, deps }) => visibleAttachment(deps, ctx, params['attachmentId'] ?? ''),
  target: ({ volume }) => ownedBy(volume),
  actions: [
    action({
      key: 'os-complete',
      summary: 'Say that an attachment is complete',
      since: '3.44',
      policy: 'volume:attachment_complete',
      reply: { status: 204 },
      handle: ({ loaded, deps }) => complete(deps, loaded.attachment),
    }),
  ],
};
