import type { ProviderChanges } from '../domain/placement/provider-changes.ts';
import type { Session } from './session.ts';

export interface Inventory {
  readonly total: number;
  readonly reserved: number;
  readonly minUnit: number;
  readonly maxUnit: number;
  readonly stepSize: number;
  readonly allocationRatio: number;
}

export interface ResourceProvider {
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parentProviderUuid: string | null;
  readonly rootProviderUuid: string | null;
}

/** Amounts by resource class, such as `{VCPU: 2}`. */
export type Resources = Readonly<Record<string, number>>;
/** What a consumer holds, by provider. */
export type Allocations = Readonly<Record<string, { readonly resources: Resources }>>;

export interface AllocationCandidates {
  readonly candidates: readonly { readonly allocations: Allocations; readonly mappings: Readonly<Record<string, readonly string[]>> }[];
  readonly summaries: Readonly<
    Record<
      string,
      {
        readonly resources: Readonly<Record<string, { readonly capacity: number; readonly used: number }>>;
        readonly traits: readonly string[];
        readonly parentProviderUuid: string | null;
        readonly rootProviderUuid: string;
      }
    >
  >;
}

export interface ConsumerAllocations {
  readonly allocations: Allocations;
  /** Null for a consumer that holds nothing. */
  readonly consumerGeneration: number | null;
  readonly projectId: string | null;
  readonly userId: string | null;
  readonly consumerType: string | null;
}

export interface NewAllocations {
  readonly allocations: Allocations;
  readonly mappings?: Readonly<Record<string, readonly string[]>>;
  readonly projectId: string;
  readonly userId: string;
  /** Null says that the consumer must not exist yet. */
  readonly consumerGeneration: number | null;
  /** `INSTANCE` or `MIGRATION`. */
  readonly consumerType: string;
}

/** The placement service, at a microversion that has consumer types (1.38) or later. A lost race is a `conflict` with code `placement.concurrent_update`. */
export interface PlacementClient {
  /** `query` is the query string of GET /allocation_candidates, without `?`. */
  allocationCandidates(session: Session, query: string): Promise<AllocationCandidates>;
  /** What changed of all providers since a snapshot, or all there is; null from a placement that is not ours and cannot tell. */
  providerChanges(session: Session, since: string | null): Promise<ProviderChanges | null>;
  allocations(session: Session, consumerId: string): Promise<ConsumerAllocations>;
  putAllocations(session: Session, consumerId: string, allocations: NewAllocations): Promise<void>;
  /** Several consumers at once: all or none. */
  postAllocations(session: Session, byConsumer: Readonly<Record<string, NewAllocations>>): Promise<void>;
  /** Succeeds when the consumer holds nothing. */
  deleteAllocations(session: Session, consumerId: string): Promise<void>;
  provider(session: Session, uuid: string): Promise<ResourceProvider | null>;
  providers(session: Session, query?: Readonly<Record<string, string>>): Promise<readonly ResourceProvider[]>;
  /** Makes the provider where there is none yet, else answers it. */
  ensureProvider(
    session: Session,
    provider: { readonly uuid: string; readonly name: string; readonly parentProviderUuid?: string },
  ): Promise<ResourceProvider>;
  deleteProvider(session: Session, uuid: string): Promise<void>;
  inventories(
    session: Session,
    uuid: string,
  ): Promise<{ readonly generation: number; readonly inventories: Readonly<Record<string, Inventory>> }>;
  /** Answers the new generation. */
  setInventories(session: Session, uuid: string, generation: number, inventories: Readonly<Record<string, Inventory>>): Promise<number>;
  traits(session: Session, uuid: string): Promise<{ readonly generation: number; readonly traits: readonly string[] }>;
  setTraits(session: Session, uuid: string, generation: number, traits: readonly string[]): Promise<number>;
  /** Makes custom traits that do not exist yet. */
  ensureTraits(session: Session, traits: readonly string[]): Promise<void>;
  /** Makes custom resource classes that do not exist yet; standard ones are always there. */
  ensureResourceClasses(session: Session, classes: readonly string[]): Promise<void>;
  aggregates(session: Session, uuid: string): Promise<{ readonly generation: number; readonly aggregates: readonly string[] }>;
  setAggregates(session: Session, uuid: string, generation: number, aggregates: readonly string[]): Promise<number>;
  /** Every consumer with what it holds of one provider. */
  providerAllocations(session: Session, uuid: string): Promise<Readonly<Record<string, Resources>>>;
  /** What the consumers of a project (and user) hold together, by type of consumer, with `consumer_count` among the amounts. */
  usages(session: Session, projectId: string, userId?: string): Promise<Readonly<Record<string, Resources>>>;
  /** Gives providers other inventories and moves allocations along, all at once. */
  reshape(
    session: Session,
    change: {
      readonly inventories: Readonly<
        Record<string, { readonly generation: number; readonly inventories: Readonly<Record<string, Inventory>> }>
      >;
      readonly allocations: Readonly<Record<string, NewAllocations>>;
    },
  ): Promise<void>;
}
