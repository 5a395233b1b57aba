import Type from 'typebox';
import type { InstanceImage } from '../../../../domain/instance.ts';
import { conflict, invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { nodesOfHost } from '../../../../store/services.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { generatePassword } from '../../passwords.ts';
import { Uuid } from '../../schemas.ts';
import { imageById } from './find-image.ts';
import { hostOf, refuseLocked } from './find-server.ts';
import { operate, refuseWrongState } from './operate.ts';

const RescueServer = plainBody(
  'RescueServer',
  Type.Union([
    Type.Null(),
    Type.Object({ adminPass: Type.Optional(Type.String()), rescue_image_ref: Type.Optional(Uuid) }, { additionalProperties: false }),
  ]),
);

export const rescueActions = [
  serverAction({
    key: 'rescue',
    summary: 'Start a server from a rescue image',
    policy: 'os_compute_api:os-rescue',
    body: RescueServer,
    reply: { status: 200 },
    handle: async ({ body, loaded, ctx, deps }) => {
      refuseLocked(ctx, loaded.instance);
      refuseWrongState('rescue', loaded.instance);
      await refuseVolumesNotInUse(deps, ctx, loaded);
      const image = await rescueImage(deps, ctx, loaded, body?.rescue_image_ref ?? null);
      const adminPass = body?.adminPass ?? generatePassword(deps.settings.DEFAULT.password_length);
      const answer = deps.settings.api.enable_instance_password ? { adminPass } : {};
      await ctx.intend?.({ status: 200, body: answer });
      await operate(deps, ctx, loaded, 'rescue', {
        name: 'rescue-instance',
        params: { image, adminPass, was: loaded.instance.vmState },
      });
      return answer;
    },
  }),
  serverAction({
    key: 'unrescue',
    summary: 'Start a rescued server from its own disks again',
    policy: 'os_compute_api:os-unrescue',
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => void (await operate(deps, ctx, loaded, 'unrescue', { name: 'unrescue-instance' })),
  }),
];

/** The image a server is rescued with: the one asked for, the configured one, or the one it was made from. */
async function rescueImage(
  deps: ApiDeps,
  ctx: RequestContext,
  { instance }: LocatedInstance,
  asked: string | null,
): Promise<InstanceImage> {
  const id = asked ?? deps.settings.DEFAULT.rescue_image_id ?? instance.image?.id ?? null;
  const refuse = (why: string) => invalid(`Instance ${instance.id} cannot be rescued: ${why}`);
  if (id === null) throw refuse('Driver Error: no rescue image is known for a volume-backed instance');
  const image = await imageById(deps, ctx, id).catch((error: unknown) => {
    if (isKind(error, 'invalid')) throw refuse(`${error.message}.`.replace('..', '.'));
    throw error;
  });
  const root = instance.blockDevices.find(({ bootIndex }) => bootIndex === 0);
  if (instance.image !== null && root?.destinationType !== 'volume') return image;
  const { hw_rescue_bus: bus, hw_rescue_device: device } = image.properties;
  if (!does(ctx, 'volumeBackedRescue')) throw refuse('Cannot rescue a volume-backed instance');
  if (bus === undefined && device === undefined)
    throw refuse('Cannot rescue a volume-backed instance without the image properties hw_rescue_bus or hw_rescue_device');
  const node = (await nodesOfHost(deps.stores, hostOf(instance))).find(({ name }) => name === instance.node);
  const reported = node === undefined ? null : await deps.placement.traits(deps.identity.serviceSession, node.uuid);
  if (reported?.traits.includes('COMPUTE_RESCUE_BFV') !== true) throw refuse('Host unable to rescue a volume-backed instance');
  return image;
}

/** A volume that something is done to may not be left by its guest just now. */
async function refuseVolumesNotInUse(deps: ApiDeps, ctx: RequestContext, { instance }: LocatedInstance): Promise<void> {
  for (const { volumeId } of instance.blockDevices) {
    if (volumeId === null) continue;
    const { status } = await deps.volume.show(deps.identity.sessionOf(ctx.caller), volumeId);
    if (status !== 'in-use')
      throw conflict(`Invalid volume: volume '${volumeId}' status must be 'in-use'. Currently in '${status}' status`);
  }
}
