import Type from 'typebox';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { markFresh, route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { Uuid } from '../../schemas.ts';
import { deleteProvider, findProvider, insertProvider, updateProvider } from '../../store/providers.ts';
import { listProviders } from './list-providers.ts';
import { providerView } from './view.ts';

const Name = Type.String({ maxLength: 200 });
const Parent = Type.Union([Uuid, Type.Null()]);
const CreateProvider = versionedBody('CreateResourceProvider', {
  name: { type: Name, required: true },
  uuid: { type: Uuid },
  parent_provider_uuid: { since: '1.14', type: Parent },
});
const UpdateProvider = versionedBody('UpdateResourceProvider', {
  name: { type: Name, required: true },
  parent_provider_uuid: { since: '1.14', type: Parent },
});

export const providerRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers',
    summary: 'List resource providers',
    policy: 'placement:resource_providers:list',
    query: versionedQuery(
      {
        name: { type: anyText },
        uuid: { type: Uuid },
        member_of: { since: '1.3', type: anyText, many: true },
        resources: { since: '1.4', type: anyText },
        in_tree: { since: '1.14', type: Uuid },
        required: { since: '1.18', type: anyText, many: true },
      },
      { refusesUnknownSince: version('1.0') },
    ),
    reply: { status: 200 },
    async handle({ query, ctx, deps }) {
      const found = await listProviders(deps, ctx, query);
      markFresh(ctx, deps, found.length === 0 ? undefined : Math.max(...found.map((provider) => provider.updatedAt)));
      return { resource_providers: found.map((provider) => providerView.render(provider, ctx)) };
    },
  }),
  route({
    method: 'POST',
    path: '/resource_providers',
    summary: 'Create a resource provider',
    policy: 'placement:resource_providers:create',
    body: { schema: CreateProvider },
    reply: { status: 200, view: providerView },
    async handle({ body, ctx, deps }) {
      const uuid = body.uuid === undefined ? deps.ids.uuid() : normalizeUuid(body.uuid)!;
      const parentUuid = body.parent_provider_uuid == null ? null : normalizeUuid(body.parent_provider_uuid);
      await insertProvider(deps.database, { uuid, name: body.name, parentUuid });
      const location = `${ctx.baseUrl}/resource_providers/${uuid}`;
      if (!does(ctx, 'providerOnCreate')) return new Reply(201, undefined, { location });
      const provider = await findProvider(deps.database, uuid);
      markFresh(ctx, deps, provider.updatedAt);
      return new Reply(200, providerView.render(provider, ctx), { location });
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:uuid',
    summary: 'Show a resource provider',
    policy: 'placement:resource_providers:show',
    reply: { status: 200, view: providerView },
    async handle({ params, ctx, deps }) {
      const provider = await findProvider(deps.database, params.uuid);
      markFresh(ctx, deps, provider.updatedAt);
      return provider;
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid',
    summary: 'Rename a resource provider or move it in its tree',
    policy: 'placement:resource_providers:update',
    body: { schema: UpdateProvider },
    reply: { status: 200, view: providerView },
    async handle({ params, body, ctx, deps }) {
      const parent = body.parent_provider_uuid;
      await updateProvider(deps.database, params.uuid, {
        name: body.name,
        mayReparent: does(ctx, 'reparenting'),
        ...(parent === undefined ? {} : { parentUuid: parent === null ? null : normalizeUuid(parent) }),
      });
      const provider = await findProvider(deps.database, params.uuid);
      markFresh(ctx, deps, provider.updatedAt);
      return provider;
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid',
    summary: 'Delete a resource provider',
    policy: 'placement:resource_providers:delete',
    reply: { status: 204 },
    handle: ({ params, deps }) => deleteProvider(deps.database, params.uuid),
  }),
];
