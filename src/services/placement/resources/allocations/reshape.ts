import { invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { retry } from '../../../../lib/retry.ts';
import type { PlacementDeps } from '../../deps.ts';
import { changedMeanwhile, providerNotFound } from '../../errors.ts';
import { grantClaims, holdForClaims, isLostRace, namingLostRaces, type Claim } from '../../store/allocations.ts';
import { dropInventories, putInventories, type StoredInventories } from '../../store/inventories.ts';
import { unknownNames } from '../../store/names.ts';
import type { PlacementExecutor } from '../../store/tables.ts';
import { advanceProvider, findProviders } from '../../store/providers.ts';
import { completeInventory } from '../inventories/complete-inventory.ts';
import type { ReshapeBody } from './bodies.ts';
import { toClaim } from './to-claim.ts';

/**
 * Gives providers other inventories and moves what is used along, all in one transaction. New and changed inventories come first, then the
 * allocations move, then what is left over goes: at no moment is an allocation without its inventory.
 */
export async function reshape(deps: PlacementDeps, ctx: RequestContext, body: ReshapeBody): Promise<void> {
  const wanted = Object.entries(body.inventories).map(([uuid, given]) => ({ uuid: uuid.toLowerCase(), ...given }));
  const [noClass] = await unknownNames(
    deps.database,
    'resource_classes',
    wanted.flatMap(({ inventories }) => Object.keys(inventories)),
  );
  if (noClass !== undefined) throw invalid(`No such resource class ${noClass}.`);
  const claims = Object.entries(body.allocations).map(([consumer, given]) => toClaim(consumer.toLowerCase(), given, ctx));

  // a claim for a consumer that nobody knew yet may still meet it in a circle; the database then ends one of the two
  await retry(
    () =>
      deps.database
        .transaction()
        .execute((tx) => reshapeIn(tx, ctx, wanted, claims))
        .catch(namingLostRaces),
    {
      clock: deps.clock,
      attempts: 5,
      delayMs: 10,
      when: isLostRace,
    },
  );
}

async function reshapeIn(
  tx: PlacementExecutor,
  ctx: RequestContext,
  wanted: readonly ({ readonly uuid: string } & ReshapeBody['inventories'][string])[],
  claims: readonly Claim[],
): Promise<void> {
  await holdForClaims(
    tx,
    claims,
    wanted.map(({ uuid }) => uuid),
  );
  const providers = await findProviders(
    tx,
    wanted.map(({ uuid }) => uuid),
  );
  const changes = wanted.map(({ uuid, resource_provider_generation: generation, inventories }) => {
    const provider = providers.get(uuid);
    if (provider === undefined)
      throw invalid(`Resource provider ${uuid} in inventories not found: ${providerNotFound(uuid).message}`, {
        code: 'placement.resource_provider.not_found',
      });
    if (generation !== provider.generation) {
      throw changedMeanwhile(
        `resource provider generation conflict for provider ${uuid}: actual: ${provider.generation}, given: ${generation}`,
      );
    }
    const complete: StoredInventories = Object.fromEntries(
      Object.entries(inventories).map(([name, given]) => [
        name,
        completeInventory(
          given,
          (why) => invalid(`Unable to update inventory for resource provider ${uuid}: Inventory for '${name}' invalid: ${why}`),
          ctx,
        ),
      ]),
    );
    return { provider, complete };
  });
  // in the order of ids, as claims hold providers
  for (const { provider, complete } of changes.toSorted((a, b) => a.provider.id - b.provider.id)) {
    await advanceProvider(tx, provider, provider.generation);
    await putInventories(tx, provider.id, complete);
  }
  if (claims.length > 0) await grantClaims(tx, claims);
  for (const { provider, complete } of changes) {
    await dropInventories(tx, provider, Object.keys(complete));
    await advanceProvider(tx, provider, null);
  }
}
