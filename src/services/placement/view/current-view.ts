import { createProviderMirror, type ProviderMirror } from '../../../clients/provider-mirror.ts';
import type { ProviderChanges } from '../../../domain/placement/provider-changes.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Executor } from '../../../lib/sql/database.ts';
import { readChanges } from './read-changes.ts';

export type CurrentView = ProviderMirror;

/** The view of all providers, kept at the state of placement's own database. */
export const createCurrentView = <Tables>(database: Executor<Tables>, clock: Pick<Clock, 'now'>): CurrentView =>
  createProviderMirror(async (since) => JSON.parse(await readChanges(database, since)) as ProviderChanges, clock);
