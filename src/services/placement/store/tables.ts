import type { Database, Executor } from '../../../lib/sql/database.ts';

/** The tables are in migrations/; every statement of this service is written out beside what it is for. */
// oxlint-disable-next-line typescript/no-empty-object-type -- no table is named through the query builder
export interface PlacementTables {}

export type PlacementDatabase = Database<PlacementTables>;
export type PlacementExecutor = Executor<PlacementTables>;
