import Type from 'typebox';
import type { Instance } from '../../../../domain/instance.ts';
import { conflict, invalid, overQuota } from '../../../../lib/errors.ts';
import { isTruthy } from '../../../../lib/http/query.ts';
import { Reply, type RequestContext } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { does } from '../../microversions.ts';
import { Metadata, Name, NonNegativeInteger } from '../../schemas.ts';
import { withNewImage } from './make-image.ts';
import { operate, refuseWrongState } from './operate.ts';

const CreateImage = plainBody(
  'CreateImage',
  Type.Object({ name: Name, metadata: Type.Optional(Metadata) }, { additionalProperties: false }),
);
const CreateBackup = plainBody(
  'CreateBackup',
  Type.Object(
    { name: Name, backup_type: Type.String(), rotation: NonNegativeInteger, metadata: Type.Optional(Metadata) },
    { additionalProperties: false },
  ),
);

/** Images of servers: the answer names an image that is still to be filled. */
export const imageActions = [
  serverAction({
    key: 'createImage',
    summary: 'Make an image of a server',
    policy: 'os_compute_api:servers:create_image',
    body: CreateImage,
    reply: { status: 202 },
    handle: async ({ body: { name, metadata = {} }, loaded, ctx, deps }) => {
      const { instance } = loaded;
      await refuseTooMuchMetadata(deps, ctx, metadata);
      if (isVolumeBacked(instance)) {
        ctx.authorize('os_compute_api:servers:create_image:allow_volume_backed', { project_id: instance.projectId });
        if (isTruthy(instance.systemMetadata['image_os_require_quiesce'] ?? ''))
          throw conflict('The file systems of a volume-backed server cannot be brought to rest here, as its image asks for.');
      }
      refuseWrongState('snapshot', instance);
      return withNewImage(deps, ctx, instance, { name, type: 'snapshot', properties: metadata }, async (image) => {
        const saga = isVolumeBacked(instance)
          ? { name: 'snapshot-volumes', params: { imageId: image.imageId, name } }
          : { name: 'snapshot-instance', params: { ...image, backup: null } };
        const made = await answer(deps, ctx, image.imageId, true);
        await ctx.intend?.(made);
        await operate(deps, ctx, loaded, 'snapshot', saga, { whileLocked: true });
        return made;
      });
    },
  }),
  serverAction({
    key: 'createBackup',
    summary: 'Make an image of a server in the place of older ones',
    policy: 'os_compute_api:os-create-backup',
    body: CreateBackup,
    reply: { status: 202 },
    handle: async ({ body: { name, backup_type: type, rotation: kept, metadata = {} }, loaded, ctx, deps }) => {
      const { instance } = loaded;
      const rotation = Number(kept);
      await refuseTooMuchMetadata(deps, ctx, metadata);
      refuseWrongState('backup', instance);
      if (isVolumeBacked(instance)) throw invalid('Backup is not supported for volume-backed instances.');
      const properties = { ...metadata, backup_type: type };
      return withNewImage(deps, ctx, instance, { name, type: 'backup', properties }, async (image) => {
        const params = { ...image, backup: { type, rotation } };
        const made = await answer(deps, ctx, image.imageId, rotation > 0);
        await ctx.intend?.(made);
        await operate(deps, ctx, loaded, 'backup', { name: 'snapshot-instance', params }, { whileLocked: true });
        return made;
      });
    },
  }),
];

export const isVolumeBacked = ({ image, blockDevices }: Instance): boolean =>
  image === null || blockDevices.some(({ bootIndex, destinationType }) => bootIndex === 0 && destinationType === 'volume');

async function answer(deps: ApiDeps, ctx: RequestContext, imageId: string, lasts: boolean): Promise<Reply> {
  if (does(ctx, 'imageIdAnswered')) return new Reply(202, { image_id: imageId });
  if (!lasts) return new Reply(202);
  const glance = (await deps.identity.endpoints.url('image')).replace(/\/+$/, '');
  return new Reply(202, undefined, { location: `${glance}/images/${imageId}` });
}

/** Until 2.38 the metadata of images had the limit of the metadata of servers. */
async function refuseTooMuchMetadata(deps: ApiDeps, ctx: RequestContext, metadata: Readonly<Record<string, string>>): Promise<void> {
  if (does(ctx, 'imageMetadataUnlimited')) return;
  const most = (await limitsOf(deps, ctx.caller.projectId ?? ''))['metadata_items']!;
  if (most >= 0 && Object.keys(metadata).length > most) throw overQuota('Image metadata limit exceeded');
}
