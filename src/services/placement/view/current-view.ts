import type { Executor } from '../../../lib/sql/database.ts';
import { ProviderView } from './provider-view.ts';
import { readChanges } from './read-changes.ts';

/** The view, kept at the database's own state. */
export interface CurrentView {
  /** The view with everything that was committed before the call. Use it before the next `await`: it changes in place. */
  read(): Promise<ProviderView>;
}

/** Reads ask the database what changed; those that come while one asks share the next asking. */
export function createCurrentView<Tables>(database: Executor<Tables>): CurrentView {
  const view = new ProviderView();
  let snapshot: string | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<ProviderView> | null = null;

  const refresh = async (): Promise<ProviderView> => {
    next = null; // who comes from now on may miss a commit that this asking does not see
    const changes = await readChanges(database, snapshot);
    view.apply(changes.changed, changes.deleted);
    snapshot = changes.snapshot;
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
