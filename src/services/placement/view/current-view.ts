import type { Clock } from '../../../lib/clock.ts';
import type { Executor } from '../../../lib/sql/database.ts';
import { ProviderView } from './provider-view.ts';
import { notesSufficeMs, readChanges } from './read-changes.ts';

/** The view, kept at the database's own state. */
export interface CurrentView {
  /** The view with everything that was committed before the call. Use it before the next `await`: it changes in place. */
  read(): Promise<ProviderView>;
}

/** Reads ask the database what changed; those that come while one asks share the next asking. */
export function createCurrentView<Tables>(database: Executor<Tables>, clock: Pick<Clock, 'now'>): CurrentView {
  let view = new ProviderView();
  let seen: { readonly snapshot: string; readonly at: number } | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<ProviderView> | null = null;

  const refresh = async (): Promise<ProviderView> => {
    next = null; // who comes from now on may miss a commit that this asking does not see
    const at = clock.now();
    if (seen !== null && at - seen.at > notesSufficeMs) seen = null;
    const changes = await readChanges(database, seen?.snapshot ?? null);
    if (seen === null) view = new ProviderView();
    view.apply(changes.changed, changes.deleted);
    seen = { snapshot: changes.snapshot, at };
    return view;
  };
  return {
    read() {
      next ??= running.then(refresh, refresh);
      running = next;
      return next;
    },
  };
}
