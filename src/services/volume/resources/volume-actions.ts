import Type from 'typebox';
import { invalid } from '../../../lib/errors.ts';
import { actionFactory, Reply, type ActionRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { disconnect, settleStatus } from '../attach.ts';
import { nowOf, ownedBy, visibleVolume, type VolumeDeps } from '../deps.ts';
import type { VolumeRule } from '../policy.ts';
import type { VolumeRecord } from '../records.ts';
import { Flag, Metadata, Name, Nullable, readFlag, Size, Uuid } from '../schemas.ts';
import { insertAttachment } from '../store/attachments.ts';
import { updateVolume } from '../store/volumes.ts';
import { deleteVolume } from './volumes.ts';
import { changing, wrongStatus } from './promise-work.ts';
import { extendVolume, reimageVolume, retypeVolume, revertVolume } from './change-volume.ts';
import { uploadToImage } from './upload-to-image.ts';

const action = actionFactory<VolumeDeps, VolumeRule, VolumeRecord>();
const accepted = { status: 202 } as const;
const anything = { additionalProperties: true } as const;

const statuses = [
  'creating',
  'available',
  'reserved',
  'attaching',
  'in-use',
  'detaching',
  'deleting',
  'error',
  'error_deleting',
  'error_extending',
  'error_restoring',
  'error_managing',
  'maintenance',
  'awaiting-transfer',
  'retyping',
  'extending',
] as const;

/** One status into another, as the old attach API has it. */
const step = (key: string, policy: VolumeRule, summary: string, from: readonly VolumeRecord['status'][], to: VolumeRecord['status']) =>
  action({
    key,
    summary,
    policy,
    reply: accepted,
    handle: ({ loaded, deps }) =>
      changing(deps, loaded, async (tx, volume) => {
        if (!from.includes(volume.status))
          throw invalid(`Invalid volume: Volume status must be ${from.join(' or ')} for ${key}, but current status is: ${volume.status}.`);
        await updateVolume(tx, volume.id, { status: to }, nowOf(deps));
      }),
  });

const imageMetadataBody = plainBody('os-set_image_metadata', Type.Object({ metadata: Metadata }, anything));

export const volumeActions: ActionRoute<VolumeDeps, VolumeRecord> = {
  path: '/volumes/:volumeId/action',
  load: ({ params, ctx, deps }) => visibleVolume(deps, ctx, params['volumeId'] ?? ''),
  target: ownedBy,
  actions: [
    action({
      key: 'os-extend',
      summary: 'Extend a volume',
      policy: 'volume:extend',
      body: plainBody('os-extend', Type.Object({ new_size: Size }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => extendVolume(deps, ctx, loaded, Number(body.new_size)),
    }),
    action({
      key: 'os-retype',
      summary: 'Change the type of a volume',
      policy: 'volume:retype',
      body: plainBody(
        'os-retype',
        Type.Object(
          {
            new_type: Type.String({ minLength: 1, maxLength: 255 }),
            migration_policy: Type.Optional(Nullable(Type.Enum(['never', 'on-demand']))),
          },
          anything,
        ),
      ),
      reply: accepted,
      handle: ({ loaded, body, deps }) => retypeVolume(deps, loaded, body),
    }),
    action({
      key: 'os-volume_upload_image',
      summary: 'Make an image of a volume',
      policy: 'volume_extension:volume_actions:upload_image',
      body: plainBody(
        'os-volume_upload_image',
        Type.Object(
          {
            image_name: Type.String({ minLength: 1, maxLength: 255 }),
            force: Type.Optional(Nullable(Flag)),
            disk_format: Type.Optional(Name),
            container_format: Type.Optional(Name),
            visibility: Type.Optional(Nullable(Type.Enum(['public', 'private', 'shared', 'community']))),
            protected: Type.Optional(Nullable(Flag)),
          },
          anything,
        ),
      ),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => uploadToImage(deps, ctx, loaded, body),
    }),
    action({
      key: 'revert',
      summary: 'Put a volume back to its newest snapshot',
      since: '3.40',
      policy: 'volume:revert_to_snapshot',
      body: plainBody('revert', Type.Object({ snapshot_id: Uuid }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => revertVolume(deps, ctx, loaded, body.snapshot_id),
    }),
    action({
      key: 'os-reimage',
      summary: 'Write an image over a volume',
      since: '3.68',
      policy: 'volume:reimage',
      body: plainBody('os-reimage', Type.Object({ image_id: Uuid, reimage_reserved: Type.Optional(Flag) }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => reimageVolume(deps, ctx, loaded, body),
    }),
    action({
      key: 'os-set_bootable',
      summary: 'Say whether a server can boot from a volume',
      policy: 'volume:update_bootable',
      body: plainBody('os-set_bootable', Type.Object({ bootable: Flag }, anything)),
      reply: { status: 200 },
      handle: ({ loaded, body, deps }) =>
        changing(deps, loaded, (tx, { id }) => updateVolume(tx, id, { bootable: readFlag(body.bootable) }, nowOf(deps))),
    }),
    action({
      key: 'os-update_readonly_flag',
      summary: 'Say whether a volume may be written to',
      policy: 'volume:update_readonly_flag',
      body: plainBody('os-update_readonly_flag', Type.Object({ readonly: Flag }, anything)),
      reply: accepted,
      handle: ({ loaded, body, deps }) =>
        changing(deps, loaded, async (tx, volume) => {
          if (volume.status !== 'available') throw wrongStatus(volume, 'change its readonly flag', ['available']);
          await updateVolume(tx, volume.id, { readonly: readFlag(body.readonly) }, nowOf(deps));
        }),
    }),
    action({
      key: 'os-reset_status',
      summary: 'Set the status of a volume',
      policy: 'volume_extension:volume_admin_actions:reset_status',
      body: plainBody(
        'os-reset_status',
        Type.Object(
          {
            status: Type.Optional(Nullable(Type.Enum([...statuses]))),
            attach_status: Type.Optional(Name),
            migration_status: Type.Optional(Name),
          },
          anything,
        ),
      ),
      reply: accepted,
      handle: ({ loaded, body, deps }) =>
        changing(deps, loaded, async (tx, volume) => {
          if (body.status === undefined && body.attach_status === undefined && body.migration_status === undefined)
            throw invalid("Must specify 'status', 'attach_status' or 'migration_status' for update.");
          const { status } = body;
          if (status !== undefined && status !== null) await updateVolume(tx, volume.id, { status, previousStatus: null }, nowOf(deps));
        }),
    }),
    action({
      key: 'os-force_delete',
      summary: 'Delete a volume whatever its status',
      policy: 'volume_extension:volume_admin_actions:force_delete',
      reply: accepted,
      handle: ({ loaded, deps }) => deleteVolume(deps, loaded.id, { force: true }),
    }),
    action({
      key: 'os-set_image_metadata',
      summary: 'Set image metadata of a volume',
      policy: 'volume_extension:volume_image_metadata:set',
      body: imageMetadataBody,
      reply: { status: 200 },
      async handle({ loaded, body, deps }) {
        const metadata = { ...loaded.imageMetadata, ...body.metadata };
        await changing(deps, loaded, (tx, volume) =>
          updateVolume(tx, volume.id, { imageMetadata: { ...volume.imageMetadata, ...body.metadata } }, nowOf(deps)),
        );
        return new Reply(200, { metadata });
      },
    }),
    action({
      key: 'os-unset_image_metadata',
      summary: 'Remove image metadata of a volume',
      policy: 'volume_extension:volume_image_metadata:remove',
      body: plainBody('os-unset_image_metadata', Type.Object({ key: Type.String({ minLength: 1, maxLength: 255 }) }, anything)),
      reply: { status: 200 },
      handle: ({ loaded, body, deps }) =>
        changing(deps, loaded, (tx, volume) =>
          updateVolume(
            tx,
            volume.id,
            { imageMetadata: Object.fromEntries(Object.entries(volume.imageMetadata).filter(([key]) => key !== body.key)) },
            nowOf(deps),
          ),
        ),
    }),
    action({
      key: 'os-show_image_metadata',
      summary: 'Show image metadata of a volume',
      policy: 'volume_extension:volume_image_metadata:show',
      reply: { status: 200 },
      handle: ({ loaded }) => new Reply(200, { metadata: loaded.imageMetadata }),
    }),

    step('os-reserve', 'volume_extension:volume_actions:reserve', 'Reserve a volume', ['available'], 'attaching'),
    step('os-unreserve', 'volume_extension:volume_actions:unreserve', 'Take a reservation back', ['attaching'], 'available'),
    step('os-begin_detaching', 'volume_extension:volume_actions:begin_detaching', 'Begin to detach a volume', ['in-use'], 'detaching'),
    step(
      'os-roll_detaching',
      'volume_extension:volume_actions:roll_detaching',
      'Give the detaching of a volume up',
      ['detaching'],
      'in-use',
    ),
    action({
      key: 'os-attach',
      summary: 'Mark a volume as attached',
      policy: 'volume_extension:volume_actions:attach',
      body: plainBody(
        'os-attach',
        Type.Object(
          {
            instance_uuid: Type.Optional(Nullable(Uuid)),
            mountpoint: Type.String({ minLength: 1, maxLength: 255 }),
            host_name: Type.Optional(Name),
            mode: Type.Optional(Nullable(Type.Enum(['rw', 'ro']))),
          },
          anything,
        ),
      ),
      reply: accepted,
      handle: ({ loaded, body, deps }) =>
        changing(deps, loaded, async (tx, volume) => {
          if (volume.status !== 'available' && volume.status !== 'attaching')
            throw wrongStatus(volume, 'attach', ['available', 'attaching']);
          const now = nowOf(deps);
          const mode = body.mode ?? 'rw';
          const serverId = typeof body.instance_uuid === 'string' ? normalizeUuid(body.instance_uuid) : null;
          await insertAttachment(
            tx,
            {
              id: deps.ids.uuid(),
              volumeId: volume.id,
              serverId,
              status: 'attached',
              mode,
              wantedMode: mode,
              device: body.mountpoint,
              attachedAt: now,
              idempotencyKey: null,
            },
            now,
          );
          await updateVolume(tx, volume.id, { status: 'in-use' }, now);
        }),
    }),
    action({
      key: 'os-detach',
      summary: 'Mark a volume as detached',
      policy: 'volume_extension:volume_actions:detach',
      body: plainBody('os-detach', Nullable(Type.Object({ attachment_id: Type.Optional(Nullable(Uuid)) }, anything))),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => detach(deps, ctx, loaded, body?.attachment_id ?? null),
    }),
    action({
      key: 'os-force_detach',
      summary: 'Detach a volume without its server',
      policy: 'volume_extension:volume_admin_actions:force_detach',
      body: plainBody('os-force_detach', Type.Object({ attachment_id: Type.Optional(Nullable(Uuid)) }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => detach(deps, ctx, loaded, body.attachment_id ?? null),
    }),
  ],
};

/** Ends one attachment of a volume, or its only one. */
async function detach(deps: VolumeDeps, ctx: RequestContext, volume: VolumeRecord, text: string | null): Promise<void> {
  const id = text === null ? null : normalizeUuid(text);
  if (id === null && volume.attachments.length > 1)
    throw invalid('Invalid volume: Detach volume failed: More than one attachment, but no attachment_id provided.');
  const attachment = id === null ? volume.attachments[0] : volume.attachments.find((each) => each.id === id);
  if (attachment !== undefined) return disconnect(deps, ctx, attachment);
  // marked as in use by nobody: back to what it is
  await changing(deps, volume, async (tx, current) => {
    if (current.status === 'detaching' || current.status === 'in-use')
      await updateVolume(tx, current.id, { status: 'available' }, nowOf(deps));
    else await settleStatus(tx, current.id, nowOf(deps));
  });
}
