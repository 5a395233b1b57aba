import type { Window } from '../../../lib/http/microversion.ts';
import { markFresh, route, type PlacementDeps } from '../deps.ts';
import type { PlacementRule } from '../policy.ts';
import { advanceProvider, findProvider, type Provider } from '../store/providers.ts';
import type { PlacementExecutor } from '../store/tables.ts';

/** Finds the provider that a path names. */
export const loadProvider = ({ params, deps }: { readonly params: { readonly uuid: string }; readonly deps: PlacementDeps }) =>
  findProvider(deps.database, params.uuid);

/** A route that shows one part of a provider: what it has, what it is, where it belongs or what is used of it. */
export const showPart = (
  part: Window & {
    readonly name: 'inventories' | 'usages' | 'traits' | 'aggregates';
    readonly summary: string;
    readonly policy: PlacementRule;
    /** Aggregates were first shown without the generation they are guarded by. */
    readonly withoutGeneration?: true;
    readonly read: (database: PlacementExecutor, providerId: number) => Promise<unknown>;
  },
) =>
  route({
    method: 'GET',
    path: `/resource_providers/:uuid/${part.name}`,
    ...(part.since === undefined ? {} : { since: part.since }),
    ...(part.until === undefined ? {} : { until: part.until }),
    summary: part.summary,
    policy: part.policy,
    load: loadProvider,
    reply: { status: 200 },
    async handle({ loaded: provider, ctx, deps }) {
      const shown = await part.read(deps.database, provider.id);
      markFresh(ctx, deps, provider.updatedAt);
      return { [part.name]: shown, ...(part.withoutGeneration === true ? {} : { resource_provider_generation: provider.generation }) };
    },
  });

/** Changes one part of a provider in one transaction, its generation guarded where one is expected; answers the new generation. */
export const changePart = (
  deps: PlacementDeps,
  provider: Provider,
  expected: number | null,
  work: (tx: PlacementExecutor) => Promise<unknown>,
): Promise<number> =>
  deps.database.transaction().execute(async (tx) => {
    const generation = await advanceProvider(tx, provider, expected);
    await work(tx);
    return generation;
  });
