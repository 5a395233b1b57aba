import { readProviderChanges, type ProviderChanges } from '../domain/placement/provider-changes.ts';
import { ProviderView } from '../domain/placement/provider-view.ts';
import type { Clock } from '../lib/clock.ts';

/** All providers of placement, in memory, kept at its database's own state. */
export interface ProviderMirror {
  /** The view with everything that was committed before the call. Use it before the next `await`: it changes in place. */
  read(): Promise<ProviderView>;
  /** The same, except that it may miss what was committed in the last `ms` milliseconds. */
  recent(ms: number): Promise<ProviderView>;
}

/** For how long after a reading the next one may ask for changes only; placement keeps its notes twice as long. */
const changesSufficeMs = 600_000;

/** Reads ask what changed since the last one; those that come while one asks share the next asking. */
export function createProviderMirror(ask: (since: string | null) => Promise<ProviderChanges>, clock: Pick<Clock, 'now'>): ProviderMirror {
  let view = new ProviderView();
  let seen: { readonly snapshot: string; readonly at: number } | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<ProviderView> | null = null;

  const refresh = async (): Promise<ProviderView> => {
    next = null; // who comes from now on may miss a commit that this asking does not see
    const at = clock.now();
    if (seen !== null && at - seen.at > changesSufficeMs) seen = null;
    const answer = await ask(seen?.snapshot ?? null);
    const { changed, usages, deleted } = readProviderChanges(answer);
    if (seen === null) view = new ProviderView();
    view.apply(changed, deleted);
    view.applyUsages(usages ?? []);
    seen = { snapshot: answer.snapshot, at };
    return view;
  };
  const read = (): Promise<ProviderView> => {
    next ??= running.then(refresh, refresh);
    running = next;
    return next;
  };
  return { read, recent: (ms) => (seen !== null && clock.now() - seen.at <= ms ? Promise.resolve(view) : read()) };
}
