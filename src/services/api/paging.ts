import { invalid } from '../../lib/errors.ts';
import type { ApiDeps } from './deps.ts';

/** How many items a page may hold: what was asked for, at most `[api] max_limit`. */
export function pageLimit(deps: Pick<ApiDeps, 'settings'>, limit: string | undefined): number {
  const { max_limit: most } = deps.settings.api;
  if (limit === undefined) return most;
  if (!/^\d{1,18}$/.test(limit)) throw invalid(`limit param must be an integer`);
  return Math.min(Number(limit), most);
}

/** How many items of a list paged by offset: 0 asks for as many as a page may hold. */
export function offsetPage(
  deps: Pick<ApiDeps, 'settings'>,
  { limit, offset }: { readonly limit?: string; readonly offset?: string },
): { readonly limit: number; readonly offset: number } {
  const { max_limit: most } = deps.settings.api;
  return { limit: Math.min(Number(limit ?? 0) || most, most), offset: Number(offset ?? 0) };
}
