import { keypairNotFound } from '../../../../domain/faults.ts';
import { invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { deleteKeyPair, findKeyPair, listKeyPairs } from '../../../../store/key-pairs.ts';
import { route } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { pageLimit } from '../../paging.ts';
import { CreateKeyPair, ListKeyPairs, OneKeyPair } from './bodies.ts';
import { createKeyPair } from './create-key-pair.ts';
import { createdKeyPairView, keyPairView, listedKeyPairView } from './view.ts';

/** Whose keys are meant: the caller's own, unless (since 2.10) somebody else is named. */
const ownerIn = (named: string | undefined, ctx: RequestContext) => Promise.resolve({ userId: named ?? ctx.caller.userId });
const target = ({ userId }: { readonly userId: string }) => ({ user_id: userId });

/** Statuses of the same route at different times. */
const createdAs = [
  { until: '2.1', status: 200 },
  { since: '2.2', status: 201 },
] as const;
const deletedAs = [
  { until: '2.1', status: 202 },
  { since: '2.2', status: 204 },
] as const;

export const keyPairRoutes = [
  route({
    method: 'GET',
    path: '/os-keypairs',
    summary: 'List key pairs',
    policy: 'os_compute_api:os-keypairs:index',
    query: ListKeyPairs,
    load: ({ query, ctx }) => ownerIn(query.user_id, ctx),
    target,
    reply: { status: 200 },
    handle: async ({ query, loaded: { userId }, ctx, deps }) => {
      const limit = pageLimit(deps, query.limit);
      const keys = await listKeyPairs(deps.stores.api, userId, { limit, after: query.marker ?? null });
      if (keys === null) throw invalid(`Marker ${query.marker ?? ''} could not be found.`);
      const next = nextLinks(ctx, 'os-keypairs', { full: limit > 0 && keys.length === limit, lastId: keys.at(-1)?.name });
      return {
        keypairs: keys.map((key) => ({ keypair: listedKeyPairView.render(key, ctx) })),
        ...(next === undefined ? {} : { keypairs_links: next }),
      };
    },
  }),
  ...createdAs.map(({ status, ...window }) =>
    route({
      method: 'POST',
      path: '/os-keypairs',
      ...window,
      summary: 'Create or import a key pair',
      policy: 'os_compute_api:os-keypairs:create',
      body: { key: 'keypair', schema: CreateKeyPair },
      load: ({ body, ctx }) => ownerIn(body.user_id, ctx),
      target,
      reply: { status, key: 'keypair', view: createdKeyPairView },
      handle: ({ body, loaded: { userId }, ctx, deps }) => createKeyPair(deps, ctx, userId, body),
    }),
  ),
  route({
    method: 'GET',
    path: '/os-keypairs/:name',
    summary: 'Show a key pair',
    policy: 'os_compute_api:os-keypairs:show',
    query: OneKeyPair,
    load: ({ query, ctx }) => ownerIn(query.user_id, ctx),
    target,
    reply: { status: 200, key: 'keypair', view: keyPairView },
    handle: async ({ params, loaded: { userId }, deps }) => {
      const key = await findKeyPair(deps.stores.api, userId, params.name);
      if (key === null) throw keypairNotFound(params.name, userId);
      return key;
    },
  }),
  ...deletedAs.map(({ status, ...window }) =>
    route({
      method: 'DELETE',
      path: '/os-keypairs/:name',
      ...window,
      summary: 'Delete a key pair',
      policy: 'os_compute_api:os-keypairs:delete',
      query: OneKeyPair,
      load: ({ query, ctx }) => ownerIn(query.user_id, ctx),
      target,
      reply: { status },
      handle: async ({ params, loaded: { userId }, deps }) => {
        if (!(await deleteKeyPair(deps.stores.api, userId, params.name))) throw keypairNotFound(params.name, userId);
      },
    }),
  ),
];
