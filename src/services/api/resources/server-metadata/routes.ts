import { instanceNotFound } from '../../../../domain/faults.ts';
import type { Instance, VmState } from '../../../../domain/instance.ts';
import { invalid, notFound, overQuota } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { changeInstance, inItsCell, type LocatedInstance } from '../../../../store/instances.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { limitsOf } from '../../limits.ts';
import { Metadata, MetadataItem } from '../../schemas.ts';
import { findServer, ownerOf, refuseLocked, refuseUnlessIn } from '../servers/find-server.ts';

const AllMetadata = plainBody('ServerMetadata', Metadata);
const OneItem = plainBody('ServerMetadataItem', MetadataItem);
type Items = Readonly<Record<string, string>>;

const changeable: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];
const itemNotFound = () => notFound('Metadata item was not found');

/** Makes of the metadata what `become` answers, no more of it than the quota allows. */
async function change(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  action: 'update metadata' | 'delete metadata',
  become: (now: Items) => Items,
): Promise<Items> {
  const { instance } = located;
  refuseLocked(ctx, instance);
  const most = (await limitsOf(deps, instance.projectId))['metadata_items']!;
  const judged = (now: Instance) => {
    refuseUnlessIn(changeable, action, now);
    const metadata = become(now.metadata);
    const grows = Object.keys(metadata).length > Object.keys(now.metadata).length;
    if (most >= 0 && grows && Object.keys(metadata).length > most) throw overQuota(`Maximum number of metadata items exceeds ${most}`);
    return { metadata };
  };
  const changed = await inItsCell(deps.stores, located, (database) => changeInstance(database, instance.id, judged));
  if (changed === null) throw instanceNotFound(instance.id);
  return changed.metadata;
}

export const serverMetadataRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/metadata',
    summary: 'List metadata of a server',
    policy: 'os_compute_api:server-metadata:index',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'metadata' },
    handle: ({ loaded }) => loaded.instance.metadata,
  }),
  route({
    method: 'POST',
    path: '/servers/:serverId/metadata',
    summary: 'Add metadata to a server',
    policy: 'os_compute_api:server-metadata:create',
    body: { key: 'metadata', schema: AllMetadata },
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'metadata' },
    handle: ({ body, loaded, ctx, deps }) => change(deps, ctx, loaded, 'update metadata', (now) => ({ ...now, ...body })),
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId/metadata',
    summary: 'Replace the metadata of a server',
    policy: 'os_compute_api:server-metadata:update_all',
    body: { key: 'metadata', schema: AllMetadata },
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'metadata' },
    handle: ({ body, loaded, ctx, deps }) => change(deps, ctx, loaded, 'update metadata', () => body),
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/metadata/:key',
    summary: 'Show a metadata item of a server',
    policy: 'os_compute_api:server-metadata:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'meta' },
    handle: ({ params: { key }, loaded: { instance } }) => {
      if (!Object.hasOwn(instance.metadata, key)) throw itemNotFound();
      return { [key]: instance.metadata[key] };
    },
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId/metadata/:key',
    summary: 'Set a metadata item of a server',
    policy: 'os_compute_api:server-metadata:update',
    body: { key: 'meta', schema: OneItem },
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'meta' },
    handle: async ({ params, body, loaded, ctx, deps }) => {
      if (!Object.hasOwn(body, params.key)) throw invalid('Request body and URI mismatch');
      await change(deps, ctx, loaded, 'update metadata', (now) => ({ ...now, ...body }));
      return body;
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/metadata/:key',
    summary: 'Delete a metadata item of a server',
    policy: 'os_compute_api:server-metadata:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: async ({ params: { key }, loaded, ctx, deps }) => {
      await change(deps, ctx, loaded, 'delete metadata', (now) => {
        if (!Object.hasOwn(now, key)) throw itemNotFound();
        const { [key]: _, ...others } = now;
        return others;
      });
    },
  }),
];
