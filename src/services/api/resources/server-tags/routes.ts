import Type from 'typebox';
import { instanceNotFound } from '../../../../domain/faults.ts';
import type { VmState } from '../../../../domain/instance.ts';
import { invalid, notFound } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { validatorOf } from '../../../../lib/http/validation.ts';
import { changeInstance, inItsCell, type LocatedInstance } from '../../../../store/instances.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { selfUrl } from '../../links.ts';
import { Tag } from '../../schemas.ts';
import { findServer, ownerOf, refuseUnlessIn } from '../servers/find-server.ts';

const mostTags = 50;
const AllTags = plainBody('ServerTags', Type.Array(Tag, { maxItems: mostTags }));
const Nothing = plainBody('Nothing', Type.Null());

const changeable: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

/** Makes of the tags what `become` answers. Tags may be changed while a server is locked. */
async function change(
  deps: ApiDeps,
  located: LocatedInstance,
  action: string,
  become: (now: readonly string[]) => readonly string[],
): Promise<readonly string[]> {
  const { id } = located.instance;
  const changed = await inItsCell(deps.stores, located, (database) =>
    changeInstance(database, id, (now) => {
      refuseUnlessIn(changeable, action, now);
      return { tags: become(now.tags) };
    }),
  );
  if (changed === null) throw instanceNotFound(id);
  return changed.tags;
}

const tagNotFound = (serverId: string, tag: string) => notFound(`Instance ${serverId} has no tag '${tag}'`);

export const serverTagRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/tags',
    since: '2.26',
    summary: 'List tags of a server',
    policy: 'os_compute_api:os-server-tags:index',
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'tags' },
    handle: ({ loaded }) => loaded.instance.tags,
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId/tags',
    since: '2.26',
    summary: 'Replace the tags of a server',
    policy: 'os_compute_api:os-server-tags:update_all',
    body: { key: 'tags', schema: AllTags },
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'tags' },
    handle: ({ body, loaded, deps }) => change(deps, loaded, 'update tags', () => [...new Set(body)]),
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/tags',
    since: '2.26',
    summary: 'Delete all tags of a server',
    policy: 'os_compute_api:os-server-tags:delete_all',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: async ({ loaded, deps }) => {
      await change(deps, loaded, 'delete tags', () => []);
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/tags/:tag',
    since: '2.26',
    summary: 'Check whether a server has a tag',
    policy: 'os_compute_api:os-server-tags:show',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: ({ params, loaded: { instance } }) => {
      if (!instance.tags.includes(params.tag)) throw tagNotFound(instance.id, params.tag);
    },
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId/tags/:tag',
    since: '2.26',
    summary: 'Add a tag to a server',
    policy: 'os_compute_api:os-server-tags:update',
    body: { schema: Nothing },
    load: findServer,
    target: ownerOf,
    reply: { status: 201 },
    handle: async ({ params: { tag }, loaded, ctx, deps }) => {
      const issue = validatorOf(Tag).check(tag);
      if (issue !== null)
        throw invalid(`Tag '${tag.slice(0, 80)}' is invalid. It must be a non empty string without characters '/' and ','. ${issue.text}`);
      let known = false;
      await change(deps, loaded, 'update tag', (now) => {
        known = now.includes(tag);
        if (now.length >= mostTags) throw invalid(`The number of tags exceeded the per-server limit ${mostTags}`);
        return known ? now : [...now, tag];
      });
      return known
        ? new Reply(204)
        : new Reply(201, undefined, { location: `${selfUrl(ctx, 'servers', loaded.instance.id)}/tags/${encodeURIComponent(tag)}` });
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/tags/:tag',
    since: '2.26',
    summary: 'Delete a tag of a server',
    policy: 'os_compute_api:os-server-tags:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: async ({ params: { tag }, loaded, deps }) => {
      await change(deps, loaded, 'delete tag', (now) => {
        if (!now.includes(tag)) throw tagNotFound(loaded.instance.id, tag);
        return now.filter((other) => other !== tag);
      });
    },
  }),
];
