import { invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { compileGroup } from '../../../../domain/placement/compile-request.ts';
import { readMemberOf, readResources, readTraits } from '../../../../domain/placement/read-query.ts';
import type { PlacementDeps } from '../../deps.ts';
import { noSuchTraits } from '../../errors.ts';
import { does } from '../../microversions.ts';
import { unknownNames } from '../../store/names.ts';
import type { ShownProvider } from './view.ts';

interface Filters {
  readonly name?: string;
  readonly uuid?: string;
  readonly member_of?: readonly string[];
  readonly resources?: string;
  readonly in_tree?: string;
  readonly required?: readonly string[];
}

/** The providers that have the room, the traits and the aggregates asked for, each by itself. */
export async function listProviders(
  deps: PlacementDeps,
  ctx: RequestContext,
  filters: Filters,
): Promise<readonly (ShownProvider & { readonly updatedAt: number })[]> {
  const traits = filters.required === undefined ? { required: [], forbidden: [] } : readTraits(filters.required, ctx);
  const aggregates =
    filters.member_of === undefined ? { memberOf: [], notMemberOf: [] } : readMemberOf('member_of', filters.member_of, ctx);
  const resources = filters.resources === undefined ? new Map<string, number>() : readResources(filters.resources);
  const missing = await unknownNames(deps.database, 'traits', [...traits.required.flat(), ...traits.forbidden]);
  if (missing.length > 0) throw noSuchTraits(missing);
  const [noClass] = await unknownNames(deps.database, 'resource_classes', resources.keys());
  if (noClass !== undefined) throw invalid(`Invalid resource class in resources parameter: No such resource class ${noClass}.`);

  const view = await deps.view.read();
  const inTree = filters.in_tree === undefined ? null : normalizeUuid(filters.in_tree);
  const group = compileGroup(view, { suffix: 'one', resources, ...traits, ...aggregates, inTree });
  if (group === null) return [];
  const uuid = filters.uuid === undefined ? null : normalizeUuid(filters.uuid);
  const found: (ShownProvider & { readonly updatedAt: number })[] = [];
  for (let slot = 0; slot < view.slots; slot++) {
    if (!view.has(slot)) continue;
    const record = view.at(slot);
    if (filters.name !== undefined && record.name !== filters.name) continue;
    if (uuid !== null && record.uuid !== uuid) continue;
    if (!group.admits(slot) || !group.demands.every(({ column, amount }) => column === null || column.fits(slot, amount))) continue;
    const parent = view.parentOf(slot);
    found.push({
      uuid: record.uuid,
      name: record.name,
      generation: record.generation,
      updatedAt: record.updatedAt,
      parentUuid: parent === undefined || !does(ctx, 'trees') ? null : view.at(parent).uuid,
      rootUuid: view.at(view.rootOf(slot)).uuid,
    });
  }
  return found;
}
