import { conflict, invalid, notFound } from '../../../../lib/errors.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { markFresh, route, type PlacementDeps } from '../../deps.ts';
import { noSuchClass, providerGenerationConflict } from '../../errors.ts';
import { AllInventories, InventoryUpdate, NewInventory } from '../../schemas.ts';
import { dropInventories, inventoriesOf, putInventories, type StoredInventories, type StoredInventory } from '../../store/inventories.ts';
import { unknownNames } from '../../store/names.ts';
import { changePart, loadProvider, showPart } from '../provider-part.ts';
import { completeInventory } from './complete-inventory.ts';

async function insist(deps: PlacementDeps, classes: Iterable<string>, refuse: (name: string) => Error): Promise<void> {
  const [unknown] = await unknownNames(deps.database, 'resource_classes', classes);
  if (unknown !== undefined) throw refuse(unknown);
}

const show = (inventory: StoredInventory, generation: number) => ({ ...inventory, resource_provider_generation: generation });

export const inventoryRoutes = [
  showPart({
    name: 'inventories',
    summary: 'List the inventories of a provider',
    policy: 'placement:resource_providers:inventories:list',
    read: inventoriesOf,
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/inventories',
    summary: 'Replace all inventories of a provider',
    policy: 'placement:resource_providers:inventories:update',
    body: { schema: plainBody('SetInventories', AllInventories) },
    load: loadProvider,
    reply: { status: 200 },
    async handle({ loaded: provider, body, ctx, deps }) {
      const wanted = body.inventories;
      if (body.resource_provider_generation !== provider.generation) throw providerGenerationConflict();
      await insist(deps, Object.keys(wanted), (name) =>
        invalid(`Unknown resource class in inventory for resource provider ${provider.uuid}: No such resource class ${name}.`),
      );
      const inventories: StoredInventories = Object.fromEntries(
        Object.entries(wanted).map(([name, given]) => [
          name,
          completeInventory(
            given,
            (why) => invalid(`Unable to update inventory for resource provider ${provider.uuid}: Inventory for '${name}' invalid: ${why}`),
            ctx,
          ),
        ]),
      );
      const generation = await changePart(deps, provider, body.resource_provider_generation, async (tx) => {
        await dropInventories(tx, provider, Object.keys(inventories));
        await putInventories(tx, provider.id, inventories);
      });
      markFresh(ctx, deps);
      return { resource_provider_generation: generation, inventories };
    },
  }),
  route({
    method: 'POST',
    path: '/resource_providers/:uuid/inventories',
    summary: 'Give a provider one more inventory',
    policy: 'placement:resource_providers:inventories:create',
    body: { schema: plainBody('CreateInventory', NewInventory) },
    load: loadProvider,
    reply: { status: 201 },
    async handle({ loaded: provider, body, ctx, deps }) {
      const { resource_class: name, ...given } = body;
      const unable = (why: string) => invalid(`Unable to create inventory for resource provider ${provider.uuid}: ${why}`);
      const inventory = completeInventory(given, unable, ctx);
      await insist(deps, [name], (unknown) => invalid(`No such resource class ${unknown}.`));
      const generation = await changePart(deps, provider, given.resource_provider_generation ?? null, async (tx) => {
        if (Object.hasOwn(await inventoriesOf(tx, provider.id), name))
          throw conflict(`Update conflict: there is an inventory of ${name} already.`);
        await putInventories(tx, provider.id, { [name]: inventory });
      });
      markFresh(ctx, deps);
      return new Reply(201, show(inventory, generation), {
        location: `${ctx.baseUrl}/resource_providers/${provider.uuid}/inventories/${name}`,
      });
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/inventories',
    since: '1.5',
    summary: 'Delete all inventories of a provider',
    policy: 'placement:resource_providers:inventories:delete',
    load: loadProvider,
    reply: { status: 204 },
    async handle({ loaded: provider, deps }) {
      await changePart(deps, provider, null, (tx) => dropInventories(tx, provider, []));
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/inventories/:resourceClass',
    summary: 'Show one inventory of a provider',
    policy: 'placement:resource_providers:inventories:show',
    load: loadProvider,
    reply: { status: 200 },
    async handle({ params, loaded: provider, ctx, deps }) {
      const inventory = (await inventoriesOf(deps.database, provider.id))[params.resourceClass];
      if (inventory === undefined) throw notFound(`No inventory of class ${params.resourceClass} for ${provider.uuid}`);
      markFresh(ctx, deps, provider.updatedAt);
      return show(inventory, provider.generation);
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/inventories/:resourceClass',
    summary: 'Replace one inventory of a provider',
    policy: 'placement:resource_providers:inventories:update',
    body: { schema: plainBody('UpdateInventory', InventoryUpdate) },
    load: loadProvider,
    reply: { status: 200 },
    async handle({ params, loaded: provider, body, ctx, deps }) {
      const name = params.resourceClass;
      if (body.resource_provider_generation !== provider.generation) throw providerGenerationConflict();
      const unable = (why: string) => invalid(`Unable to update inventory for resource provider ${provider.uuid}: ${why}`);
      const inventory = completeInventory(body, unable, ctx);
      await insist(deps, [name], noSuchClass);
      const generation = await changePart(deps, provider, body.resource_provider_generation, async (tx) => {
        if (!Object.hasOwn(await inventoriesOf(tx, provider.id), name))
          throw invalid(`No inventory record with resource class for resource provider ${provider.uuid}: ${name}`);
        await putInventories(tx, provider.id, { [name]: inventory });
      });
      markFresh(ctx, deps);
      return show(inventory, generation);
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/inventories/:resourceClass',
    summary: 'Delete one inventory of a provider',
    policy: 'placement:resource_providers:inventories:delete',
    load: loadProvider,
    reply: { status: 204 },
    async handle({ params, loaded: provider, deps }) {
      await changePart(deps, provider, null, async (tx) => {
        const others = Object.keys(await inventoriesOf(tx, provider.id)).filter((name) => name !== params.resourceClass);
        if ((await dropInventories(tx, provider, others)) === 0)
          throw notFound(`No inventory of class ${params.resourceClass} found for delete`);
      });
    },
  }),
];
