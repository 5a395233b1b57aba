import Type from 'typebox';
import { conflict, invalid } from '../../../lib/errors.ts';
import { actionFactory, Reply, type ActionRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { disconnect, settleStatus } from '../attach.ts';
import { nowOf, ownedBy, visibleSnapshot, visibleVolume, type VolumeDeps } from '../deps.ts';
import type { VolumeRule } from '../policy.ts';
import { allowsMultiattach, formatTime, type VolumeRecord } from '../records.ts';
import { Flag, Metadata, Name, Nullable, readFlag, Size, Uuid } from '../schemas.ts';
import { insertAttachment } from '../store/attachments.ts';
import { takeQuota } from '../store/quotas.ts';
import { snapshotsOf, updateSnapshot } from '../store/snapshots.ts';
import { insertTask } from '../store/tasks.ts';
import { findType, typeNotFound } from '../store/types.ts';
import { lockVolume, updateVolume, type VolumeChanges } from '../store/volumes.ts';
import type { VolumeExecutor } from '../tables.ts';
import { uploadFormats } from '../tasks/other-tasks.ts';
import type { TaskKind } from '../tasks/task.ts';
import { showImage } from './create-volume.ts';
import { deleteVolume } from './volumes.ts';

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

const wrongStatus = (volume: VolumeRecord, what: string, wanted: readonly string[]) =>
  invalid(`Invalid volume: Volume ${volume.id} status must be ${wanted.join(' or ')} to ${what}, but current status is: ${volume.status}.`);

/** Changes the volume while nobody else does; what it throws changes nothing. */
const changing = (
  { database }: VolumeDeps,
  { id }: VolumeRecord,
  change: (tx: VolumeExecutor, volume: VolumeRecord) => Promise<void>,
): Promise<void> => database.transaction().execute(async (tx) => change(tx, await lockVolume(tx, id)));

/** Moves the volume into a passing status and promises the work that ends it. */
async function promise(
  tx: VolumeExecutor,
  deps: VolumeDeps,
  volume: VolumeRecord,
  change: VolumeChanges,
  kind: TaskKind,
  params: Readonly<Record<string, unknown>>,
): Promise<void> {
  await updateVolume(tx, volume.id, { ...change, previousStatus: volume.status }, nowOf(deps));
  await insertTask(tx, kind, volume.id, params, nowOf(deps));
}

async function extend(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, size: number): Promise<void> {
  await changing(deps, found, async (tx, volume) => {
    // a disk that grows under a guest is wanted knowingly: before 3.42 nobody could
    const allowed = ctx.version >= 3042 ? ['available', 'in-use'] : ['available'];
    if (!allowed.includes(volume.status)) throw wrongStatus(volume, 'extend', allowed);
    if (volume.status === 'in-use') {
      ctx.authorize('volume:extend_attached_volume', ownedBy(volume));
      if (volume.attachments.some(({ connector }) => connector?.reconnects === false))
        throw invalid(
          `Invalid volume: volume ${volume.id} is used by a server whose hypervisor does not follow a volume that grows; detach it first.`,
        );
    }
    if (size <= volume.size)
      throw invalid(
        `Invalid input received: New size for extend must be greater than current size. (current: ${volume.size}, extended: ${size}).`,
      );
    await takeQuota(tx, deps.settings, volume.projectId, { gigabytes: size - volume.size, size });
    await promise(tx, deps, volume, { status: 'extending' }, 'extend-volume', { size });
  });
  deps.nudge();
}

async function retype(
  deps: VolumeDeps,
  found: VolumeRecord,
  { new_type: name, migration_policy: policy = 'never' }: { readonly new_type: string; readonly migration_policy?: string | null },
): Promise<void> {
  const type = await findType(deps.database, name, null);
  if (type === null) throw invalid(`Invalid input received: Volume type ${name} could not be found.`, { cause: typeNotFound(name) });
  await changing(deps, found, async (tx, volume) => {
    if (!['available', 'in-use'].includes(volume.status)) throw wrongStatus(volume, 'retype', ['available', 'in-use']);
    if (type.id === volume.typeId) throw invalid(`Invalid volume type: New volume_type same as original: ${name}.`);
    const multiattach = allowsMultiattach(type);
    if (multiattach !== volume.multiattach && volume.status !== 'available')
      throw invalid(`Invalid volume: Volume ${volume.id} must be available to change whether it may be attached several times.`);
    const changes = (type.encryption === null) !== (volume.encryption === null);
    if (!changes) {
      await updateVolume(tx, volume.id, { typeId: type.id, multiattach }, nowOf(deps));
      return;
    }
    if (volume.status !== 'available')
      throw invalid('Invalid input received: Retype cannot change encryption requirements of a volume in use.');
    if (policy !== 'on-demand')
      throw invalid(
        `Invalid volume: Retype requires migration but is not allowed: the content must be written anew with another encryption (use migration_policy on-demand).`,
      );
    if ((await snapshotsOf(tx, volume.id)).length > 0) throw invalid('Invalid volume: Volume must not have snapshots.');
    await promise(tx, deps, volume, { status: 'retyping' }, 'retype-volume', {
      typeId: type.id,
      multiattach,
      encryption: type.encryption,
      keyId: type.encryption === null ? null : deps.ids.uuid(),
    });
  });
  deps.nudge();
}

interface UploadWish {
  readonly image_name: string;
  readonly force?: boolean | string | null;
  readonly disk_format?: string | null;
  readonly container_format?: string | null;
  readonly visibility?: 'public' | 'private' | 'shared' | 'community' | null;
  readonly protected?: boolean | string | null;
}

async function upload(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, wish: UploadWish): Promise<Reply> {
  const force = wish.force !== undefined && wish.force !== null && readFlag(wish.force);
  const allowed = force ? ['available', 'in-use'] : ['available'];
  if (!allowed.includes(found.status)) throw wrongStatus(found, 'upload', allowed);
  if (found.encryptionKeyId !== null)
    throw invalid('Invalid volume: The content of an encrypted volume does not leave the service unencrypted.');
  const diskFormat = wish.disk_format ?? 'raw';
  if (!uploadFormats.includes(diskFormat))
    throw invalid(`Invalid input for field/attribute disk_format. Value: ${diskFormat}. It must be one of ${uploadFormats.join(', ')}.`);
  if ((wish.container_format ?? 'bare') !== 'bare') throw invalid('Invalid input for field/attribute container_format. It must be bare.');
  const own = new Set(['image_id', 'image_name', 'size', 'checksum', 'min_disk', 'min_ram', 'disk_format', 'container_format']);
  const image = await deps.image.create(deps.sessionOf(ctx.caller), {
    name: wish.image_name,
    diskFormat,
    containerFormat: 'bare',
    ...(wish.visibility === undefined || wish.visibility === null ? {} : { visibility: wish.visibility }),
    minDisk: found.size,
    properties: Object.fromEntries(Object.entries(found.imageMetadata).filter(([key]) => !own.has(key))),
  });
  try {
    await changing(deps, found, async (tx, volume) => {
      if (!allowed.includes(volume.status)) throw wrongStatus(volume, 'upload', allowed);
      await promise(tx, deps, volume, { status: 'uploading' }, 'upload-volume', { imageId: image.id });
    });
  } catch (error) {
    await deps.image.delete(deps.session, image.id);
    throw error;
  }
  deps.nudge();
  return new Reply(202, {
    'os-volume_upload_image': {
      id: found.id,
      updated_at: formatTime(found.updatedAt),
      status: 'uploading',
      display_description: found.description,
      size: found.size,
      volume_type: found.typeName,
      image_id: image.id,
      container_format: 'bare',
      disk_format: diskFormat,
      image_name: wish.image_name,
      visibility: image.visibility,
      protected: image.protected,
    },
  });
}

async function revert(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, text: string): Promise<void> {
  const snapshot = await visibleSnapshot(deps, ctx, text);
  await changing(deps, found, async (tx, volume) => {
    if (volume.status !== 'available') throw wrongStatus(volume, 'revert', ['available']);
    const newest = (await snapshotsOf(tx, volume.id)).at(-1);
    if (newest?.id !== snapshot.id)
      throw invalid(`Invalid input received: Specified snapshot id ${snapshot.id} is not the latest one of volume ${volume.id}.`);
    if (newest.status !== 'available') throw conflict(`Snapshot ${snapshot.id} is ${newest.status}.`);
    await updateSnapshot(tx, snapshot.id, { status: 'restoring' }, nowOf(deps));
    await promise(tx, deps, volume, { status: 'reverting' }, 'revert-volume', { snapshotId: snapshot.id });
  });
  deps.nudge();
}

async function reimage(
  deps: VolumeDeps,
  ctx: RequestContext,
  found: VolumeRecord,
  { image_id: text, reimage_reserved: reserved = false }: { readonly image_id: string; readonly reimage_reserved?: boolean | string },
): Promise<void> {
  const withReserved = readFlag(reserved);
  if (withReserved) ctx.authorize('volume:reimage_reserved', ownedBy(found));
  const image = await showImage(deps, ctx, normalizeUuid(text) ?? text);
  if (image.status !== 'active') throw invalid(`Image ${image.id} is not active.`);
  if (Math.max(image.size ?? 0, image.virtualSize ?? 0) > found.size * 1024 ** 3)
    throw invalid(`Size of specified image is larger than volume size ${found.size}GB.`);
  await changing(deps, found, async (tx, volume) => {
    const allowed = withReserved ? ['available', 'error', 'reserved'] : ['available', 'error'];
    if (!allowed.includes(volume.status))
      throw conflict(`Volume ${volume.id} status must be ${allowed.join(' or ')}, but current status is: ${volume.status}.`);
    if ((await snapshotsOf(tx, volume.id)).length > 0) throw conflict(`Volume ${volume.id} has snapshots, which its content belongs to.`);
    const back = volume.status === 'error' ? 'available' : volume.status;
    await promise(tx, deps, { ...volume, status: back }, { status: 'downloading' }, 'reimage-volume', {
      source: 'image',
      imageId: image.id,
    });
  });
  deps.nudge();
}

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
      handle: ({ loaded, body, ctx, deps }) => extend(deps, ctx, loaded, Number(body.new_size)),
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
      handle: ({ loaded, body, deps }) => retype(deps, loaded, body),
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
      handle: ({ loaded, body, ctx, deps }) => upload(deps, ctx, loaded, body),
    }),
    action({
      key: 'revert',
      summary: 'Put a volume back to its newest snapshot',
      since: '3.40',
      policy: 'volume:revert_to_snapshot',
      body: plainBody('revert', Type.Object({ snapshot_id: Uuid }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => revert(deps, ctx, loaded, body.snapshot_id),
    }),
    action({
      key: 'os-reimage',
      summary: 'Write an image over a volume',
      since: '3.68',
      policy: 'volume:reimage',
      body: plainBody('os-reimage', Type.Object({ image_id: Uuid, reimage_reserved: Type.Optional(Flag) }, anything)),
      reply: accepted,
      handle: ({ loaded, body, ctx, deps }) => reimage(deps, ctx, loaded, body),
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
