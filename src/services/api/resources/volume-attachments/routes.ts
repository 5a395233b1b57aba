import Type from 'typebox';
import type { BlockDevice } from '../../../../domain/instance.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { digits, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { offsetPage } from '../../paging.ts';
import { toBoolean } from '../../schemas.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { attachVolume } from './attach-volume.ts';
import { AttachVolume, UpdateAttachment } from './bodies.ts';
import { detachVolume, deviceOfVolume, editAttachment, swapVolume } from './change-attachment.ts';

interface Attachment {
  readonly serverId: string;
  readonly device: BlockDevice;
}

const Text = Type.String();

/** A volume of a server. */
const attachmentView = versionedView<Attachment>('VolumeAttachment', {
  id: { until: '2.88', type: Text, get: ({ device }) => device.volumeId },
  volumeId: { type: Text, get: ({ device }) => device.volumeId },
  serverId: { type: Text, get: ({ serverId }) => serverId },
  device: { type: Text, get: ({ device }) => device.deviceName ?? undefined },
  tag: { since: '2.70', type: Type.Union([Text, Type.Null()]), get: ({ device }) => device.tag },
  delete_on_termination: { since: '2.79', type: Type.Boolean(), get: ({ device }) => device.deleteOnTermination },
  attachment_id: { since: '2.89', type: Type.Union([Text, Type.Null()]), get: ({ device }) => device.attachmentId },
  bdm_uuid: { since: '2.89', type: Text, get: ({ device }) => device.uuid },
});

/** The answer to an attach, which names the device before the guest has it. */
const attachedView = versionedView<Attachment>('AttachedVolume', {
  id: { type: Text, get: ({ device }) => device.volumeId },
  volumeId: { type: Text, get: ({ device }) => device.volumeId },
  serverId: { type: Text, get: ({ serverId }) => serverId },
  device: { type: Type.Union([Text, Type.Null()]), get: ({ device }) => device.deviceName },
  tag: { since: '2.70', type: Type.Union([Text, Type.Null()]), get: ({ device }) => device.tag },
  delete_on_termination: { since: '2.79', type: Type.Boolean(), get: ({ device }) => device.deleteOnTermination },
});

const ListAttachments = versionedQuery({ limit: { type: digits }, offset: { type: digits } }, { refusesUnknownSince: version('2.75') });

export const volumeAttachmentRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-volume_attachments',
    summary: 'List volumes of a server',
    policy: 'os_compute_api:os-volumes-attachments:index',
    query: ListAttachments,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'volumeAttachments' },
    handle: ({ query, loaded: { instance }, ctx, deps }) => {
      const { limit, offset } = offsetPage(deps, query);
      const attached = instance.blockDevices.filter(
        ({ volumeId, attachmentId }) => volumeId !== null && (attachmentId !== null || !does(ctx, 'attachmentsOnly')),
      );
      return attached.slice(offset, offset + limit).map((device) => attachmentView.render({ serverId: instance.id, device }, ctx));
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/os-volume_attachments/:volumeId',
    summary: 'Show a volume of a server',
    policy: 'os_compute_api:os-volumes-attachments:show',
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'volumeAttachment', view: attachmentView },
    handle: ({ params: { volumeId }, loaded }) => {
      const device = deviceOfVolume(loaded, volumeId);
      return { serverId: loaded.instance.id, device };
    },
  }),
  route({
    method: 'POST',
    path: '/servers/:serverId/os-volume_attachments',
    summary: 'Attach a volume to a server',
    policy: 'os_compute_api:os-volumes-attachments:create',
    load: findServer,
    target: ownerOf,
    body: { key: 'volumeAttachment', schema: AttachVolume },
    reply: { status: 200 },
    handle: async ({ body, loaded, ctx, deps }) => {
      const { volumeId, device: wished, tag, delete_on_termination } = body;
      const device = await attachVolume(deps, ctx, loaded, {
        volumeId: normalizeUuid(volumeId) ?? volumeId,
        device: wished ?? null,
        deleteOnTermination: delete_on_termination !== undefined && toBoolean(delete_on_termination),
        ...(tag === undefined ? {} : { tag }),
      });
      if (does(ctx, 'attachedLater')) return new Reply(202);
      return { volumeAttachment: attachedView.render({ serverId: loaded.instance.id, device }, ctx) };
    },
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId/os-volume_attachments/:volumeId',
    summary: 'Change the attachment of a volume, or swap the volume for another',
    policy: 'authenticated', // which rule is asked depends on what is changed
    load: findServer,
    body: { key: 'volumeAttachment', schema: UpdateAttachment },
    reply: { status: 202 },
    handle: async ({ params: { volumeId }, body, loaded, ctx, deps }) => {
      const edits = does(ctx, 'attachmentsEdited');
      const swaps = !edits || body.volumeId !== volumeId;
      ctx.authorize(swaps ? 'os_compute_api:os-volumes-attachments:swap' : 'os_compute_api:os-volumes-attachments:update', ownerOf(loaded));
      const device = deviceOfVolume(loaded, volumeId);
      if (edits) await editAttachment(deps, loaded, device, body);
      if (swaps) await swapVolume(deps, ctx, loaded, { from: volumeId, to: body.volumeId });
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/os-volume_attachments/:volumeId',
    summary: 'Detach a volume from a server',
    policy: 'os_compute_api:os-volumes-attachments:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 202 },
    handle: ({ params: { volumeId }, loaded, ctx, deps }) => detachVolume(deps, ctx, loaded, volumeId),
  }),
];
