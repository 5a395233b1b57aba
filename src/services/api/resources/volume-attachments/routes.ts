import Type from 'typebox';
import type { BlockDevice } from '../../../../domain/instance.ts';
import { notFound } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { digits, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { offsetPage } from '../../paging.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';

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
    handle: ({ params: { volumeId }, loaded: { instance } }) => {
      const device = instance.blockDevices.find((one) => one.volumeId === volumeId);
      if (device === undefined) throw notFound(`Instance ${instance.id} is not attached to volume ${volumeId}.`);
      return { serverId: instance.id, device };
    },
  }),
];
