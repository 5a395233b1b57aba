import { sql } from 'kysely';
import { conflict, invalid, notFound, type KilonovaError } from '../../../lib/errors.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { sqlState } from '../../../lib/sql/database.ts';
import { changedMeanwhile } from '../errors.ts';
import type { PlacementExecutor } from './tables.ts';

/** What a consumer shall hold from now on: nothing else, and nothing at all where there are no allocations. */
export interface Claim {
  readonly consumer: string;
  /** Null keeps what is known of the consumer. */
  readonly projectId: string | null;
  readonly userId: string | null;
  readonly type: string | null;
  /** The generation the claimant knows, null for a consumer that must be new; undefined does not ask. */
  readonly generation: number | null | undefined;
  /** Amounts by provider and class. */
  readonly allocations: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Who consumers belong to whose claims do not say (before 1.8). */
const nobody = '00000000-0000-0000-0000-000000000000';

type Refusal =
  | { readonly reason: 'consumer-generation'; readonly consumer: string; readonly expected: number | null; readonly given: number | null }
  | { readonly reason: 'no-provider'; readonly provider: string }
  | { readonly reason: 'no-class'; readonly class: string }
  | { readonly reason: 'no-inventory'; readonly provider: string; readonly class: string }
  | {
      readonly reason: 'unit';
      readonly provider: string;
      readonly class: string;
      readonly requested: number;
      readonly minUnit: number;
      readonly maxUnit: number;
      readonly stepSize: number;
    }
  | { readonly reason: 'capacity'; readonly provider: string; readonly class: string; readonly requested: number; readonly free: number };

/** Grants all claims at once or throws why not, having changed nothing. One statement: see migrations/0002-claims.ts and 0004-short-claims.ts. */
export async function grantClaims(database: PlacementExecutor, claims: readonly Claim[]): Promise<void> {
  const [first, ...more] = claims;
  if (first !== undefined && more.length === 0 && first.generation === null && (await claimForNew(database, first))) return;
  const consumers = claims.map(({ consumer, projectId, userId, type, generation }) => ({
    consumer,
    project: projectId,
    user: userId,
    type,
    generation: generation ?? null,
    guarded: generation !== undefined,
  }));
  const allocations = claims.flatMap(({ consumer, allocations: byProvider }) =>
    Object.entries(byProvider).flatMap(([provider, resources]) =>
      Object.entries(resources).map(([resourceClass, used]) => ({ consumer, provider, class: resourceClass, used })),
    ),
  );
  const refusal = await replaceAllocations(database, JSON.stringify(consumers), JSON.stringify(allocations));
  if (refusal !== null) throw refusalError(refusal);
}

/** Grants the claim of a new consumer, or answers false where there is a reason not to, which is then looked for. */
async function claimForNew(database: PlacementExecutor, { consumer, projectId, userId, type, allocations }: Claim): Promise<boolean> {
  const wanted = Object.entries(allocations).flatMap(([provider, resources]) =>
    Object.entries(resources).map(([resourceClass, used]) => ({ provider, resourceClass, used })),
  );
  if (wanted.length === 0) return false;
  const { rows } = await sql<{ granted: boolean }>`SELECT claim_for_new(
    ${consumer}, ${projectId ?? nobody}, ${userId ?? nobody}, ${type},
    ${wanted.map(({ provider }) => provider)}::uuid[], ${wanted.map(({ resourceClass }) => resourceClass)}::text[], ${wanted.map(({ used }) => used)}::integer[]
  ) AS granted`
    .execute(database)
    .catch(namingLostRaces);
  return rows[0]?.granted === true;
}

/** Holds what claims will touch, and other providers, in the order in which claims hold them, for work that claims later in its transaction. */
export async function holdForClaims(tx: PlacementExecutor, claims: readonly Claim[], otherProviders: readonly string[]): Promise<void> {
  const consumers = claims.map(({ consumer }) => consumer);
  const providers = [...otherProviders, ...claims.flatMap(({ allocations }) => Object.keys(allocations))];
  await sql`SELECT FROM consumers WHERE uuid = ANY (${consumers}::uuid[]) ORDER BY uuid FOR NO KEY UPDATE`.execute(tx);
  await sql`
    SELECT FROM resource_providers
    WHERE uuid = ANY (${providers}::uuid[]) OR id IN (SELECT provider_id FROM allocations WHERE consumer = ANY (${consumers}::uuid[]))
    ORDER BY id FOR NO KEY UPDATE
  `.execute(tx);
}

/** Failures that trying again settles: deadlock, serialization, a row that went away. */
const lostRaces = new Set(['40P01', '40001', '23503']);

/** Throws a lost race as the conflict that clients know, anything else as it is. */
export function namingLostRaces(error: unknown): never {
  throw lostRaces.has(sqlState(error) ?? '')
    ? changedMeanwhile('Inventory and/or allocations changed while attempting to allocate.', error)
    : error;
}

/** Whether a claim failed only because of who was there first. */
export const isLostRace = (error: unknown): boolean => error instanceof Error && lostRaces.has(sqlState(error.cause) ?? '');

async function replaceAllocations(database: PlacementExecutor, consumers: string, allocations: string): Promise<Refusal | null> {
  const { rows } = await sql<{
    refusal: Refusal | null;
  }>`SELECT claim_allocations(${consumers}, ${allocations}, ${nobody}, ${nobody}) AS refusal`
    .execute(database)
    .catch(namingLostRaces);
  return rows[0]?.refusal ?? null;
}

const unable = (why: string): KilonovaError => conflict(`Unable to allocate inventory: ${why}`);

function refusalError(refusal: Refusal): KilonovaError {
  switch (refusal.reason) {
    case 'consumer-generation':
      return changedMeanwhile(`consumer generation conflict - expected ${refusal.expected ?? 'null'} but got ${refusal.given ?? 'null'}`);
    case 'no-provider':
      return invalid(`Allocation for resource provider '${refusal.provider}' that does not exist.`);
    case 'no-class':
      return invalid(`Unable to allocate inventory for consumer: No such resource class ${refusal.class}.`);
    case 'no-inventory':
      return unable(`Inventory for '${refusal.class}' on resource provider '${refusal.provider}' invalid: there is no such inventory.`);
    case 'unit':
      return unable(
        `Unable to create allocation for '${refusal.class}' on resource provider '${refusal.provider}'. The requested amount would violate inventory constraints: ` +
          `${refusal.requested} is not between ${refusal.minUnit} and ${refusal.maxUnit} in steps of ${refusal.stepSize}.`,
      );
    case 'capacity':
      return unable(
        `Unable to create allocation for '${refusal.class}' on resource provider '${refusal.provider}'. The requested amount would exceed the capacity: ` +
          `${refusal.requested} requested, ${refusal.free} free.`,
      );
    default:
      return refusal satisfies never;
  }
}

export interface ConsumerRecord {
  readonly generation: number;
  readonly projectId: string;
  readonly userId: string;
  readonly type: string | null;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
  readonly allocations: Readonly<Record<string, { readonly generation: number; readonly resources: Readonly<Record<string, number>> }>>;
}

/** What a consumer holds; null where it holds nothing. */
export async function findConsumer(database: PlacementExecutor, consumer: string): Promise<ConsumerRecord | null> {
  const { rows } = await sql<ConsumerRecord>`
    SELECT c.generation, c.project_id AS "projectId", c.user_id AS "userId", c.type, max(held.updated_at) AS "updatedAt",
      json_object_agg(held.uuid, json_build_object('generation', held.generation, 'resources', held.resources)) AS allocations
    FROM consumers c
    JOIN (
      SELECT a.consumer, p.uuid, p.generation, json_object_agg(a.resource_class, a.used) AS resources, floor(extract(epoch FROM max(a.updated_at)) * 1000)::float8 AS updated_at
      FROM allocations a JOIN resource_providers p ON p.id = a.provider_id GROUP BY a.consumer, p.id
    ) held ON held.consumer = c.uuid
    WHERE c.uuid = ${normalizeUuid(consumer)} GROUP BY c.uuid
  `.execute(database);
  return rows[0] ?? null;
}

export interface HeldResources {
  readonly consumer: string;
  readonly generation: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** Who holds what of a provider. */
export async function consumersOf(database: PlacementExecutor, providerId: number): Promise<readonly HeldResources[]> {
  const { rows } = await sql<HeldResources>`
    SELECT c.uuid AS consumer, c.generation, json_object_agg(a.resource_class, a.used) AS resources
    FROM allocations a JOIN consumers c ON c.uuid = a.consumer WHERE a.provider_id = ${providerId} GROUP BY c.uuid
  `.execute(database);
  return rows;
}

/** Takes everything from a consumer; 404 where it holds nothing. */
export async function releaseConsumer(database: PlacementExecutor, consumer: string): Promise<void> {
  const uuid = normalizeUuid(consumer);
  const known = uuid === null ? null : await findConsumer(database, uuid);
  if (uuid === null || known === null) throw notFound(`No allocations for consumer '${consumer}'`);
  await grantClaims(database, [{ consumer: uuid, projectId: null, userId: null, type: null, generation: undefined, allocations: {} }]);
}

export interface UsageRow {
  readonly type: string | null;
  readonly consumers: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** What the consumers of a project (and user) hold together, by type of consumer. */
export async function usagesOfOwner(
  database: PlacementExecutor,
  owner: { readonly projectId: string; readonly userId: string | null },
): Promise<readonly UsageRow[]> {
  const { rows } = await sql<UsageRow>`
    WITH held AS (
      SELECT c.type, c.uuid, a.resource_class, a.used FROM consumers c JOIN allocations a ON a.consumer = c.uuid
      WHERE c.project_id = ${owner.projectId} AND (${owner.userId}::text IS NULL OR c.user_id = ${owner.userId})
    ), sums AS (SELECT type, resource_class, sum(used)::float8 AS used FROM held GROUP BY type, resource_class)
    SELECT s.type, (SELECT count(DISTINCT h.uuid) FROM held h WHERE h.type IS NOT DISTINCT FROM s.type)::int AS consumers, json_object_agg(s.resource_class, s.used) AS resources
    FROM sums s GROUP BY s.type ORDER BY s.type
  `.execute(database);
  return rows;
}
