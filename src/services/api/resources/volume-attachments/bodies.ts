import Type from 'typebox';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { Bool, Tag, Uuid } from '../../schemas.ts';

/** A name as guests give it: `/dev/vdb`, or without the directory. */
const Device = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$' }),
  Type.Null(),
]);

/** `volumeAttachment` of `POST /servers/{id}/os-volume_attachments`. */
export const AttachVolume = versionedBody('AttachVolume', {
  volumeId: { required: true, type: Uuid },
  device: { type: Device },
  tag: { since: '2.49', type: Tag },
  delete_on_termination: { since: '2.79', type: Bool },
});

/** `volumeAttachment` of `PUT /servers/{id}/os-volume_attachments/{volume_id}`. */
export const UpdateAttachment = versionedBody('UpdateAttachment', {
  volumeId: { required: true, type: Uuid },
  device: { since: '2.85', type: Device },
  tag: { since: '2.85', type: Tag },
  delete_on_termination: { since: '2.85', type: Bool },
  serverId: { since: '2.85', type: Uuid },
  id: { since: '2.85', type: Uuid },
});
