import { isWithin, type Version, type Window } from '../../lib/http/microversion.ts';
import { quote } from '../../lib/http/validation.ts';
import { badQuery } from './bad-query.ts';
import { does } from './behaviours.ts';
import type { CandidateRequest, RequestGroup } from './candidate-request.ts';
import { readInTree, readMemberOf, readResources, readTraits, readTraitValue } from './read-query.ts';

/** Parameters of a request group: with a suffix they belong to the group of that suffix. */
const groupParameters = {
  resources: { since: '1.10' },
  required: { since: '1.17' },
  member_of: { since: '1.21' },
  in_tree: { since: '1.31' },
} as const satisfies Record<string, Window>;

/** Parameters of the request as a whole. */
const wideParameters = {
  limit: { since: '1.16' },
  group_policy: { since: '1.25' },
  root_required: { since: '1.35' },
  same_subtree: { since: '1.36' },
} as const satisfies Record<string, Window>;

type GroupParameter = keyof typeof groupParameters;
const isWide = (key: string): key is keyof typeof wideParameters => Object.hasOwn(wideParameters, key);
const isGroupParameter = (name: string): name is GroupParameter => Object.hasOwn(groupParameters, name);

type Given = Map<string, Map<GroupParameter, string[]>>;

/** Reads the query of GET /allocation_candidates at a version. */
export function readCandidateQuery(rawQuery: string, at: { readonly version: Version }): CandidateRequest {
  const groups: Given = new Map();
  const wide = new Map<keyof typeof wideParameters, string[]>();
  for (const [key, value] of new URLSearchParams(rawQuery)) {
    if (isWide(key) && isWithin(wideParameters[key], at.version)) wide.set(key, [...(wide.get(key) ?? []), value]);
    else {
      const { parameter, suffix } = readGroupKey(key, at);
      const group = groups.get(suffix) ?? new Map<GroupParameter, string[]>();
      group.set(parameter, [...(group.get(parameter) ?? []), value]);
      groups.set(suffix, group);
    }
  }
  if (!does(at, 'requestGroups') && groups.get('')?.has('resources') !== true) {
    throw badQuery("Invalid query string parameters: 'resources' is a required property");
  }
  const limit = readLimit(wide.get('limit')?.[0]);
  const groupPolicy = readGroupPolicy(wide.get('group_policy')?.[0]);
  const root = readRootRequired(wide.get('root_required'));
  const sameSubtrees = (wide.get('same_subtree') ?? []).map(readSuffixes);
  const read = [...groups].map(([suffix, values]) => readGroup(suffix, values, at));
  if (does(at, 'groupsWithoutResources')) checkSubtrees(read, sameSubtrees);
  else checkOrphans(read);
  checkContradictions(read);
  if (groupPolicy === null && read.filter(({ suffix }) => suffix !== '').length > 1) {
    throw badQuery('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.');
  }
  return { groups: read, groupPolicy, ...root, sameSubtrees, limit, nested: does(at, 'nestedCandidates') };
}

const suffixForms = { none: '', numbers: '[1-9][0-9]*', words: '[a-zA-Z0-9_-]{1,64}' } as const;

function readGroupKey(key: string, at: { readonly version: Version }): { readonly parameter: GroupParameter; readonly suffix: string } {
  const form = suffixForms[does(at, 'wordySuffixes') ? 'words' : does(at, 'requestGroups') ? 'numbers' : 'none'];
  const known = Object.entries(groupParameters)
    .filter(([, window]) => isWithin(window, at.version))
    .map(([name]) => name);
  const [, parameter = '', suffix = ''] = new RegExp(`^(${known.join('|')})${form === '' ? '()' : `(${form})?`}$`).exec(key) ?? [];
  if (isGroupParameter(parameter)) return { parameter, suffix };
  if (form === '') throw badQuery(`Invalid query string parameters: Additional properties are not allowed (${quote(key)} was unexpected)`);
  const patterns = known.toSorted().map((name) => `^${name}(${form})?$`);
  throw badQuery(
    `Invalid query string parameters: ${quote(key)} does not match any of the regexes: ${patterns.map((pattern) => quote(pattern)).join(', ')}`,
  );
}

function readLimit(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9][0-9]*$/.test(text))
    throw badQuery(
      `Invalid query string parameters: ${quote(text)} does not match '^[1-9][0-9]*$'\n\nFailed validating 'pattern' in schema['properties']['limit']`,
    );
  return Number(text);
}

function readGroupPolicy(text: string | undefined): CandidateRequest['groupPolicy'] {
  if (text === undefined || text === 'none' || text === 'isolate') return text ?? null;
  throw badQuery(`Invalid query string parameters: ${quote(text)} is not one of ['none', 'isolate']`);
}

function readRootRequired(values: readonly string[] | undefined): Pick<CandidateRequest, 'rootRequired' | 'rootForbidden'> {
  if (values === undefined) return { rootRequired: [], rootForbidden: [] };
  if (values.length > 1) throw badQuery("Query parameter 'root_required' may be specified only once.", 'placement.query.duplicate_key');
  const { required, forbidden } = readTraitValue(values[0]!, { forbidden: true, any: false });
  const rootRequired = required.flat();
  const both = rootRequired.filter((trait) => forbidden.includes(trait));
  if (both.length > 0)
    throw badQuery(`Conflicting required and forbidden traits found in root_required: ${both.join(', ')}`, 'placement.query.bad_value');
  return { rootRequired, rootForbidden: forbidden };
}

function readSuffixes(value: string): readonly string[] {
  const suffixes = [...new Set(value.split(',').map((text) => text.trim()))];
  if (suffixes.includes(''))
    throw badQuery('Empty string (unsuffixed group) can not be specified in `same_subtree`', 'placement.query.bad_value');
  return suffixes;
}

function readGroup(
  suffix: string,
  values: ReadonlyMap<GroupParameter, readonly string[]>,
  at: { readonly version: Version },
): RequestGroup {
  const resources = values.get('resources')?.at(-1);
  const inTree = values.get('in_tree')?.at(-1);
  return {
    suffix,
    resources: resources === undefined ? new Map() : readResources(resources),
    ...readTraits(values.get('required') ?? [], at),
    ...readMemberOf(`member_of${suffix}`, values.get('member_of') ?? [], at),
    inTree: inTree === undefined ? null : readInTree(inTree),
  };
}

const listed = (suffixes: readonly string[]): string => suffixes.map((suffix) => quote(suffix)).join(', ');

function checkSubtrees(groups: readonly RequestGroup[], sameSubtrees: readonly (readonly string[])[]): void {
  if (groups.every(({ resources }) => resources.size === 0)) {
    throw badQuery('There must be at least one resources or resources[$S] parameter.', 'placement.query.missing_value');
  }
  const related = new Set(sameSubtrees.flat());
  const alone = groups.filter(({ resources, suffix }) => resources.size === 0 && !related.has(suffix)).map(({ suffix }) => suffix);
  if (alone.length > 0) {
    throw badQuery(
      `Resourceless suffixed group request should be specified in \`same_subtree\` query param: bad group(s) - [${listed(alone)}].`,
      'placement.query.bad_value',
    );
  }
  const real = groups.map(({ suffix }) => suffix);
  const unknown = [...related].filter((suffix) => !real.includes(suffix));
  if (unknown.length > 0)
    throw badQuery(
      `Real suffixes should be specified in \`same_subtree\`: [${listed(unknown)}] not found in [${listed(real)}].`,
      'placement.query.bad_value',
    );
}

function checkOrphans(groups: readonly RequestGroup[]): void {
  const empty = groups.filter(({ resources }) => resources.size === 0);
  const withTraits = empty.filter(({ required }) => required.length > 0).map(({ suffix }) => `required${suffix}`);
  if (withTraits.length > 0)
    throw badQuery(
      `All traits parameters must be associated with resources.  Found the following orphaned traits keys: ${withTraits.join(', ')}`,
    );
  const withAggregates = empty
    .filter(({ memberOf, notMemberOf }) => memberOf.length + notMemberOf.length > 0)
    .map(({ suffix }) => `member_of${suffix}`);
  if (withAggregates.length > 0) {
    throw badQuery(
      `All member_of parameters must be associated with resources. Found the following orphaned member_of keys: ${withAggregates.join(', ')}`,
    );
  }
  if (empty.length > 0) throw badQuery('All request groups must specify resources.');
  if (groups.length === 0) throw badQuery('At least one request group (`resources` or `resources{$S}`) is required.');
}

function checkContradictions(groups: readonly RequestGroup[]): void {
  const contradictory = groups.flatMap(({ suffix, required, forbidden }) =>
    required
      .filter((any) => any.every((trait) => forbidden.includes(trait)))
      .map((any) => `required${suffix}: (${any.toSorted().join(', ')})`),
  );
  if (contradictory.length > 0) {
    throw badQuery(`Conflicting required and forbidden traits found in the following traits keys: ${contradictory.toSorted().join(', ')}`);
  }
}
