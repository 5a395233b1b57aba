import Type from 'typebox';
import { powerStates } from '../../../../domain/instance.ts';
import { Reply, type RequestContext } from '../../../../lib/http/route.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { versionedQuery } from '../../../../lib/http/query.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { sharesOf, type ShareMapping } from '../../../../store/share-mappings.ts';
import { route } from '../../deps.ts';
import { Uuid } from '../../schemas.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { attachShare, detachShare, findShare, lookedAt } from './attach-share.ts';

const since = '2.97';
const noParameters = versionedQuery({}, { refusesUnknownSince: version(since) });
const Text = Type.String();
const AttachShare = plainBody(
  'AttachShare',
  Type.Object(
    { share_id: Uuid, tag: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' })) },
    { additionalProperties: false },
  ),
);

interface ShownShare {
  readonly mapping: ShareMapping;
  readonly located: LocatedInstance;
}

/** A share that is attached is active as long as its guest runs. */
const statusOf = ({ mapping: { status }, located: { instance } }: ShownShare): string =>
  status !== 'attached' ? status : instance.powerState === powerStates.running ? 'active' : 'inactive';

const brief = {
  share_id: { type: Text, get: ({ mapping }: ShownShare) => mapping.shareId },
  status: { type: Type.Enum(['active', 'inactive', 'attaching', 'detaching', 'error']), get: statusOf },
  tag: { type: Text, get: ({ mapping }: ShownShare) => mapping.tag },
};
const forAdmins = (value: string, ctx: RequestContext): string | undefined => (ctx.caller.isAdmin ? value : undefined);
const shareView = versionedView<ShownShare, RequestContext>('ServerShare', {
  ...brief,
  uuid: { type: Type.Optional(Text), get: ({ mapping }, ctx) => forAdmins(mapping.uuid, ctx) },
  export_location: { type: Type.Optional(Text), get: ({ mapping }, ctx) => forAdmins(mapping.exportLocation, ctx) },
});
const briefShareView = versionedView<ShownShare, RequestContext>('BriefServerShare', brief);

/** Shares of files that servers mount. */
export const serverShareRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/shares',
    since,
    summary: 'List shares of a server',
    policy: 'os_compute_api:os-server-shares:index',
    query: noParameters,
    load: findServer,
    target: ownerOf,
    reply: { status: 200 },
    handle: async ({ loaded: located, ctx, deps }) => {
      const mappings = await sharesOf(deps.stores.cell(located.cellId), located.instance.id);
      const now = await Promise.all(mappings.map((mapping) => lookedAt(deps, located, mapping)));
      return { shares: now.map((mapping) => briefShareView.render({ mapping, located }, ctx)) };
    },
  }),
  route({
    method: 'POST',
    path: '/servers/:serverId/shares',
    since,
    summary: 'Attach a share to a server',
    policy: 'os_compute_api:os-server-shares:create',
    body: { key: 'share', schema: AttachShare },
    load: findServer,
    target: ownerOf,
    reply: { status: 201, key: 'share', view: shareView },
    handle: async ({ body, loaded: located, ctx, deps }) => ({
      mapping: await attachShare(deps, ctx, located, { shareId: normalizeUuid(body.share_id) ?? body.share_id, tag: body.tag }),
      located,
    }),
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/shares/:shareId',
    since,
    summary: 'Show a share of a server',
    policy: 'os_compute_api:os-server-shares:show',
    query: noParameters,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'share', view: shareView },
    handle: async ({ params, loaded: located, deps }) => ({
      mapping: await lookedAt(deps, located, await findShare(deps, located, params.shareId)),
      located,
    }),
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/shares/:shareId',
    since,
    summary: 'Detach a share from a server',
    policy: 'os_compute_api:os-server-shares:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 200 },
    handle: async ({ params, loaded: located, deps }) => {
      await detachShare(deps, located, params.shareId);
      return new Reply(200);
    },
  }),
];
