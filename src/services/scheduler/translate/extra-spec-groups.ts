import { isKnownResourceClass } from '../../../domain/resource-classes.ts';

/** What belongs to one group of a request, while it is put together. */
export interface DraftGroup {
  readonly resources: Map<string, number>;
  readonly required: Set<string>;
  readonly forbidden: Set<string>;
}

export const newGroup = (): DraftGroup => ({ resources: new Map(), required: new Set(), forbidden: new Set() });

export interface ExtraSpecGroups {
  /** By suffix; the one without is `''`. */
  readonly groups: ReadonlyMap<string, DraftGroup>;
  readonly groupPolicy: 'none' | 'isolate' | null;
}

/** What a flavor's extra specs ask of placement in placement's own words: `resources<S>:<class>`, `trait<S>:<trait>`, `group_policy`. What is none of these, or no amount, is left out. */
export function extraSpecGroups(extraSpecs: Readonly<Record<string, string>>): ExtraSpecGroups {
  const groups = new Map<string, DraftGroup>([['', newGroup()]]);
  const group = (suffix: string): DraftGroup => {
    const known = groups.get(suffix) ?? newGroup();
    groups.set(suffix, known);
    return known;
  };
  for (const [key, value] of Object.entries(extraSpecs)) {
    const [, kind, suffix = '', name = ''] = /^(resources|trait)([A-Za-z0-9_-]{1,64})?:([A-Z0-9_]+)$/.exec(key) ?? [];
    if (kind === 'resources' && isKnownResourceClass(name) && /^\d{1,15}$/.test(value.trim()))
      group(suffix).resources.set(name, Number(value));
    else if (kind === 'trait' && value === 'required') group(suffix).required.add(name);
    else if (kind === 'trait' && value === 'forbidden') group(suffix).forbidden.add(name);
  }
  const policy = extraSpecs['group_policy'];
  return { groups, groupPolicy: policy === 'none' || policy === 'isolate' ? policy : null };
}
