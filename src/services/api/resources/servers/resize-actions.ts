import Type from 'typebox';
import type { InstanceFlavor } from '../../../../domain/instance.ts';
import { hostNotFound } from '../../../../domain/faults.ts';
import { invalid } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { plainBody, type VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { findFlavor, type Flavor } from '../../../../store/flavors.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { movesOf } from '../../../../store/moves.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { admitGrowth } from '../../quota.ts';
import { DiskConfig, Fqdn } from '../../schemas.ts';
import { ownerOf, refuseLocked } from './find-server.ts';
import { refuseMisfit } from './refuse-misfit.ts';
import { refuseLayout } from './refuse-layout.ts';
import { operate, refuseWrongState } from './operate.ts';
import { isComputeHost, refuseDown, upHostOf } from './source-host.ts';

const ResizeServer = plainBody(
  'ResizeServer',
  Type.Object(
    { flavorRef: Type.Union([Type.String({ minLength: 1 }), Type.Integer()]), 'OS-DCF:diskConfig': Type.Optional(DiskConfig) },
    { additionalProperties: false },
  ),
);
const toHost = Type.Union([
  Type.Null(),
  Type.Object({ host: Type.Optional(Type.Union([Fqdn, Type.Null()])) }, { additionalProperties: false }),
]);
/** Anything until 2.55; null or a host since. */
const MigrateServer: VersionedBody<{ readonly host?: string | null } | null> = {
  title: 'MigrateServer',
  schema: (at) => (at < version('2.56') ? Type.Unknown() : toHost),
};

/** What changes the flavor or, for a server that does not run meanwhile, the host of a server; and what ends it. */
export const resizeActions = [
  serverAction({
    key: 'resize',
    summary: 'Give a server another flavor',
    policy: 'os_compute_api:servers:resize',
    body: ResizeServer,
    reply: { status: 202 },
    handle: async ({ body, loaded, ctx, deps }) => {
      const { instance } = loaded;
      refuseLocked(ctx, instance);
      refuseWrongState('resize', instance);
      await upHostOf(deps, instance);
      const flavor = await wantedFlavor(deps, ctx, loaded, String(body.flavorRef));
      const params = {
        ...askedBy(ctx),
        flavor: ofInstance(flavor),
        oldFlavorId: await flavorRow(deps, instance.flavor.flavorId),
        newFlavorId: flavor.rowId,
        diskConfig: body['OS-DCF:diskConfig'] ?? null,
        requestedHost: null,
      };
      await admitGrowth(deps, instance, flavor, async () => {
        await operate(deps, ctx, loaded, 'resize', { name: 'resize-instance', params });
      });
    },
  }),
  serverAction({
    key: 'migrate',
    summary: 'Move a server to another host, switched off meanwhile',
    policy: 'os_compute_api:os-migrate-server:migrate',
    body: MigrateServer,
    reply: { status: 202 },
    handle: async ({ body, loaded, ctx, deps }) => {
      const { instance } = loaded;
      const host = does(ctx, 'migratedToHost') ? (body?.host ?? null) : null;
      if (host !== null) ctx.authorize('os_compute_api:os-migrate-server:migrate:host', ownerOf(loaded));
      refuseLocked(ctx, instance);
      refuseWrongState('migrate', instance);
      const from = await upHostOf(deps, instance);
      if (host === from) throw invalid('Cannot migrate to the host where the server exists.');
      if (host !== null && !(await isComputeHost(deps, host))) throw invalid(hostNotFound(host).message);
      const row = await flavorRow(deps, instance.flavor.flavorId);
      await operate(deps, ctx, loaded, 'migrate', {
        name: 'resize-instance',
        params: { ...askedBy(ctx), flavor: null, oldFlavorId: row, newFlavorId: row, diskConfig: null, requestedHost: host },
      });
    },
  }),
  serverAction({
    key: 'confirmResize',
    summary: 'Keep the new flavor or host of a server',
    policy: 'os_compute_api:servers:confirm_resize',
    reply: { status: 204 },
    handle: async ({ loaded, ctx, deps }) => {
      const moveId = await finishedMove(deps, ctx, loaded, 'confirmResize');
      await operate(deps, ctx, loaded, 'confirmResize', { name: 'confirm-resize', params: { moveId } });
    },
  }),
  serverAction({
    key: 'revertResize',
    summary: 'Give a server its old flavor or host back',
    policy: 'os_compute_api:servers:revert_resize',
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => {
      const moveId = await finishedMove(deps, ctx, loaded, 'revertResize');
      if (loaded.instance.oldFlavor === null) throw invalid('Flavor used by the instance could not be found.');
      await operate(deps, ctx, loaded, 'revertResize', { name: 'revert-resize', params: { moveId } });
    },
  }),
];

/** Who is shown to have asked for a move. */
export const askedBy = ({ caller }: RequestContext) => ({ projectId: caller.projectId ?? '', userId: caller.userId });

/** The move a server in VERIFY_RESIZE waits in; its source must be up to end it. */
async function finishedMove(
  deps: ApiDeps,
  ctx: RequestContext,
  { instance, cellId }: LocatedInstance,
  action: 'confirmResize' | 'revertResize',
): Promise<string> {
  refuseLocked(ctx, instance);
  refuseWrongState(action, instance);
  const move = (await movesOf(deps.stores.cell(cellId), instance.id, ['finished'])).at(-1);
  if (move === undefined) throw invalid('Instance has not been resized.');
  await refuseDown(deps, move.sourceHost);
  return move.id;
}

/** The row number of a flavor servers may have had for long; null when it is deleted since. */
const flavorRow = async ({ stores }: ApiDeps, flavorId: string): Promise<number | null> =>
  (await findFlavor(stores.api, flavorId, { projectId: null, isAdmin: true }))?.rowId ?? null;

const ofInstance = ({
  rowId: _row,
  description: _description,
  createdAt: _created,
  updatedAt: _updated,
  ...flavor
}: Flavor): InstanceFlavor => flavor;

/** The flavor a server shall get, if it can. */
async function wantedFlavor(deps: ApiDeps, ctx: RequestContext, { instance }: LocatedInstance, flavorId: string): Promise<Flavor> {
  const flavor = await findFlavor(deps.stores.api, flavorId, ctx.caller);
  if (flavor === null || flavor.disabled) throw invalid(`Flavor ${flavorId} could not be found.`);
  if (flavor.flavorId === instance.flavor.flavorId) throw invalid('When resizing, instances must change flavor!');
  if (flavor.rootGb === 0 && instance.flavor.rootGb !== 0 && instance.image !== null)
    throw invalid('Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.');
  if (instance.image !== null) refuseMisfit(ctx, flavor, instance.image);
  refuseLayout(deps, flavor, instance.image);
  return flavor;
}
