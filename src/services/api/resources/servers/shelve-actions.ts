import Type from 'typebox';
import type { Instance } from '../../../../domain/instance.ts';
import { hostNotFound } from '../../../../domain/faults.ts';
import { conflict, invalid } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { isZone, zoneOfHost } from '../../../../store/aggregates.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { nodesOfHost } from '../../../../store/services.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { Name } from '../../schemas.ts';
import { refuseLocked } from './find-server.ts';
import { isVolumeBacked } from './image-actions.ts';
import { withNewImage } from './make-image.ts';
import { operate, refuseWrongState } from './operate.ts';

const toZone = Type.Union([Type.Null(), Type.Object({ availability_zone: Name }, { additionalProperties: false })]);
const toPlace = Type.Union([
  Type.Null(),
  Type.Object(
    { availability_zone: Type.Optional(Type.Union([Name, Type.Null()])), host: Type.Optional(Type.String()) },
    { additionalProperties: false },
  ),
]);

/** Anything until 2.76; then a zone, and since 2.91 a host, too. */
const UnshelveServer: VersionedBody<{ readonly availability_zone?: string | null; readonly host?: string } | null> = {
  title: 'UnshelveServer',
  schema: (at) => (at < version('2.77') ? Type.Unknown() : at < version('2.91') ? toZone : toPlace),
};

export const shelveActions = [
  serverAction({
    key: 'shelve',
    summary: 'Put a server away',
    policy: 'os_compute_api:os-shelve:shelve',
    reply: { status: 202 },
    handle: ({ loaded, ctx, deps }) => shelve(deps, ctx, loaded),
  }),
  serverAction({
    key: 'shelveOffload',
    summary: 'Take a shelved server off its host',
    policy: 'os_compute_api:os-shelve:shelve_offload',
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => void (await operate(deps, ctx, loaded, 'shelveOffload', { name: 'offload-instance' })),
  }),
  serverAction({
    key: 'unshelve',
    summary: 'Bring a shelved server back',
    policy: 'os_compute_api:os-shelve:unshelve',
    body: UnshelveServer,
    reply: { status: 202 },
    handle: async ({ body, loaded, ctx, deps }) => {
      const { instance } = loaded;
      const place = does(ctx, 'unshelvedToZone') ? (body ?? {}) : {};
      refuseLocked(ctx, instance);
      refuseWrongState('unshelve', instance);
      await judgePlace(deps, ctx, instance, place);
      await operate(deps, ctx, loaded, 'unshelve', {
        name: 'unshelve-instance',
        params: {
          offloaded: instance.vmState === 'shelved_offloaded',
          host: place.host ?? null,
          ...(place.availability_zone === undefined ? {} : { availabilityZone: place.availability_zone }),
        },
      });
    },
  }),
];

async function shelve(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance): Promise<void> {
  const { instance } = located;
  const begin = async (image: object | null): Promise<void> =>
    void (await operate(deps, ctx, located, 'shelve', { name: 'shelve-instance', params: { image, was: instance.vmState } }));
  refuseLocked(ctx, instance);
  refuseWrongState('shelve', instance);
  if (isVolumeBacked(instance)) return begin(null);
  const wanted = { name: `${instance.name}-shelved`, type: 'snapshot' } as const;
  await withNewImage(deps, ctx, instance, wanted, ({ imageId, format }) => begin({ imageId, format }));
}

/** Where an unshelved server may be asked to go. */
async function judgePlace(
  deps: ApiDeps,
  ctx: RequestContext,
  instance: Instance,
  { availability_zone: zone, host }: { readonly availability_zone?: string | null; readonly host?: string },
): Promise<void> {
  if (host !== undefined) ctx.authorize('os_compute_api:os-shelve:unshelve_to_host', {});
  if ((zone !== undefined || host !== undefined) && instance.vmState !== 'shelved_offloaded') {
    const asked = does(ctx, 'unshelvedToHost') ? 'an availability zone or a host' : 'an availability zone';
    throw conflict(
      `Specifying ${asked} when unshelving server "${instance.id}" with status "SHELVED" is not supported. The server status must be SHELVED_OFFLOADED.`,
    );
  }
  const standard = deps.settings.DEFAULT.default_availability_zone;
  if (typeof zone === 'string' && zone !== standard && !(await isZone(deps.stores.api, zone)))
    throw invalid('The requested availability zone is not available');
  if (host === undefined) return;
  if ((await nodesOfHost(deps.stores, host)).length === 0) throw invalid(hostNotFound(host).message);
  if (typeof zone === 'string' && ((await zoneOfHost(deps.stores.api, host)) ?? standard) !== zone)
    throw conflict(`Host "${host}" is not in the availability zone "${zone}".`);
}
