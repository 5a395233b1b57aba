import type { Volume } from '../../../../clients/volume.ts';
import type { Instance, InstanceImage } from '../../../../domain/instance.ts';
import { invalid, isKind, overQuota } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { InstanceChanges, LocatedInstance } from '../../../../store/instances.ts';
import { findKeyPair } from '../../../../store/key-pairs.ts';
import type { ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { does } from '../../microversions.ts';
import { generatePassword } from '../../passwords.ts';
import { toBoolean } from '../../schemas.ts';
import { keptOf } from './create-server.ts';
import { refuseMisfit } from './refuse-misfit.ts';
import { refuseOtherLayout } from './refuse-layout.ts';
import { imageById } from './find-image.ts';
import { refuseLocked } from './find-server.ts';
import { isVolumeBacked } from './image-actions.ts';
import { injectedFiles } from './injected-files.ts';
import { operate, refuseWrongState } from './operate.ts';
import type { RebuildServer } from './rebuild-action.ts';

type Body = NonNullable<(typeof RebuildServer)['value']>;

export interface RebuiltServer {
  readonly instance: Instance;
  readonly adminPass: string;
}

/** Accepts a rebuild: what the request changes is so at once, and is taken back when the guest could not be touched. */
export async function rebuildServer(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  body: Body,
  /** Told what it will be, before it is accepted. */
  intend: (wanted: RebuiltServer) => Promise<void> = () => Promise.resolve(),
): Promise<RebuiltServer> {
  const { instance } = located;
  if (body.trusted_image_certificates !== undefined)
    ctx.authorize('os_compute_api:servers:rebuild:trusted_certs', { project_id: instance.projectId });
  refuseLocked(ctx, instance);
  refuseWrongState('rebuild', instance);
  const limits = await limitsOf(deps, instance.projectId);
  const most = limits['metadata_items']!;
  if (most >= 0 && Object.keys(body.metadata ?? {}).length > most) throw overQuota(`Maximum number of metadata items exceeds ${most}`);
  const files = body.personality === undefined ? {} : { files: injectedFiles(body.personality, limits) };
  const image = await imageById(deps, ctx, body.imageRef).catch((error: unknown) => {
    throw isKind(error, 'invalid') && error.message.startsWith('Can not')
      ? invalid('Cannot find image for rebuild', { cause: error })
      : error;
  });
  const volume = isVolumeBacked(instance) ? await rootVolume(deps, ctx, instance) : null;
  const otherImage = image.id !== (volume === null ? instance.image?.id : volume.imageMetadata['image_id']);
  if (volume === null) refuseMisfit(ctx, instance.flavor, image);
  else refuseVolumeMisfit(ctx, instance, image, { otherImage, trusts: (body.trusted_image_certificates ?? []).length > 0 });
  if (otherImage) refuseOtherLayout(instance.flavor, instance.image, image);
  const changes = { ...(await changesOf(deps, instance, body, image)), ...files };
  const adminPass = body.adminPass ?? generatePassword(deps.settings.DEFAULT.password_length);
  const before = Object.fromEntries(Object.keys(changes).map((key) => [key, instance[key as keyof Instance]])) as InstanceChanges;
  await intend({ instance: { ...instance, ...changes, taskState: 'rebuilding' }, adminPass });
  const begun = await operate(deps, ctx, located, 'rebuild', {
    name: 'rebuild-instance',
    changes,
    params: {
      adminPass,
      preserveEphemeral: body.preserve_ephemeral !== undefined && toBoolean(body.preserve_ephemeral),
      was: instance.vmState,
      otherImage,
      image,
      reimage: volume !== null && does(ctx, 'volumesReimaged'),
      before,
    },
  });
  return { instance: begun, adminPass };
}

/** The volume a server boots from. */
async function rootVolume(deps: ApiDeps, ctx: RequestContext, { blockDevices }: Instance): Promise<Volume> {
  const id = blockDevices.find(({ bootIndex }) => bootIndex === 0)?.volumeId ?? null;
  if (id === null) throw invalid('Unable to find root block device mapping for volume-backed instance.');
  return deps.volume.show(deps.identity.sessionOf(ctx.caller), id);
}

/** Until 2.92 the root volume of a server was left as it was, whatever its guest. */
function refuseVolumeMisfit(
  ctx: RequestContext,
  { flavor }: Instance,
  image: InstanceImage,
  { otherImage, trusts }: { readonly otherImage: boolean; readonly trusts: boolean },
): void {
  if (otherImage && !does(ctx, 'volumesReimaged')) throw invalid('Unable to rebuild with a different image for a volume-backed server.');
  if (trusts) throw invalid('Image certificate validation is not supported when booting from volume');
  if (flavor.memoryMb < image.minRam) throw invalid("Flavor's memory is too small for requested image.");
}

/** What the server says of its image from now on: one on a volume has none, and keeps the properties of the one its volume was made from. */
function imageChanges({ image: now, systemMetadata, blockDevices }: Instance, image: InstanceImage): InstanceChanges {
  if (now === null) {
    const own = Object.fromEntries(Object.entries(systemMetadata).filter(([key]) => !key.startsWith('image_')));
    return { systemMetadata: { ...own, ...keptOf(image.properties) } };
  }
  return {
    image,
    blockDevices: blockDevices.map((device) =>
      device.bootIndex === 0 && device.destinationType === 'local'
        ? { ...device, imageId: image.id, diskBus: image.properties['hw_disk_bus'] ?? null }
        : device,
    ),
  };
}

async function changesOf(deps: ApiDeps, instance: Instance, body: Body, image: InstanceImage): Promise<InstanceChanges> {
  const { name, metadata, description, key_name, user_data, hostname, accessIPv4, accessIPv6 } = body;
  const diskConfig = body['OS-DCF:diskConfig'];
  const publicKey = key_name === undefined || key_name === null ? null : await findKeyPair(deps.stores.api, instance.userId, key_name);
  if (typeof key_name === 'string' && publicKey === null) throw invalid('Invalid key_name provided.');
  return {
    ...imageChanges(instance, image),
    progress: 0,
    ...(name === undefined ? {} : { name }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(description === undefined ? {} : { description }),
    ...(key_name === undefined
      ? {}
      : {
          keyName: publicKey?.name ?? null,
          publicKey: publicKey === null ? null : { name: publicKey.name, type: publicKey.type, data: publicKey.publicKey },
        }),
    ...(user_data === undefined ? {} : { userData: user_data }),
    ...(body.trusted_image_certificates === undefined ? {} : { trustedCerts: body.trusted_image_certificates }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(accessIPv4 === undefined ? {} : { accessIpV4: accessIPv4 }),
    ...(accessIPv6 === undefined ? {} : { accessIpV6: accessIPv6 }),
    ...(diskConfig === undefined ? {} : { diskConfig }),
  };
}
