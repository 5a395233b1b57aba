import { invalid } from '../../../../lib/errors.ts';
import { isTruthy } from '../../../../lib/http/query.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { maxPatternLength, patternRefusal } from '../../../../lib/sql/patiently.ts';
import { listFlavors as pageOfFlavors, type Flavor } from '../../../../store/flavors.ts';
import type { ApiDeps } from '../../deps.ts';
import { pageLimit } from '../../paging.ts';
import { flavorSortColumns, type ListFlavors } from './bodies.ts';

type Query = NonNullable<(typeof ListFlavors)['value']>;

/** One page of the flavors the caller may use. */
export async function listFlavors(
  deps: ApiDeps,
  ctx: RequestContext,
  query: Query,
): Promise<{ readonly flavors: readonly Flavor[]; readonly full: boolean }> {
  const limit = pageLimit(deps, query.limit);
  const page = {
    isPublic: ctx.caller.isAdmin ? visibility(query.is_public) : true,
    minRam: least('minRam', query.minRam),
    minDisk: least('minDisk', query.minDisk),
    name: query.name ?? null,
    sort: {
      column: flavorSortColumns[(query.sort_key ?? 'flavorid') as keyof typeof flavorSortColumns],
      direction: (query.sort_dir ?? 'asc') as 'asc' | 'desc',
    },
    limit,
    after: query.marker ?? null,
  };
  if (page.name === '' || (page.name ?? '').length > maxPatternLength)
    throw invalid(
      `Invalid input for query parameters name. Value: ${page.name!.slice(0, 80)}. '${page.name!.slice(0, 80)}' is not a 'regex'`,
    );
  const flavors = await pageOfFlavors(deps.stores.api, page, ctx.caller).catch((error: unknown) => {
    throw patternRefusal(error) ?? error;
  });
  if (flavors === null) throw invalid(`marker [${query.marker ?? ''}] not found`);
  return { flavors, full: limit > 0 && flavors.length === limit };
}

/** What an administrator asks for: public flavors by default, `none` for all. */
function visibility(text: string | undefined): boolean | null {
  if (text === undefined) return true;
  if (text.toLowerCase() === 'none') return null;
  if (/^(true|t|1|on|yes|y|false|f|0|off|no|n)$/i.test(text)) return isTruthy(text);
  throw invalid(`Invalid is_public filter [${text}]`);
}

function least(name: 'minRam' | 'minDisk', text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[+-]?\d{1,9}$/.test(text)) throw invalid(`Invalid ${name} filter [${text}]`);
  return Number(text);
}
