/** What is different in the shape of two values of JSON: keys, and what kind of thing stands under them. */
export interface ShapeDifference {
  readonly path: string;
  readonly what: string;
}

/** Places whose keys are data: what users wrote there, names of networks and hosts, what a hypervisor measures. */
const free = /\.(metadata|meta|extra_specs|addresses|hosts|properties|scheduler_hints|cpu_info|log)$/;
/** What may be there or not: what only administrators are shown (many samples were taken by others), and links to the next page. */
const mayBeMore = /\.(OS-EXT-SRV-ATTR:\w+|host_status|\w+_links)$/;

type Kind = 'object' | 'list' | 'text' | 'number' | 'flag' | 'null';

function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'list';
  const kinds = { object: 'object', string: 'text', number: 'number', boolean: 'flag' } as const;
  return kinds[typeof value as keyof typeof kinds];
}

/** Compares an answer with a published one. Null may stand for anything, and an empty list says nothing of its elements. */
export function compareShapes(published: unknown, ours: unknown, path = ''): ShapeDifference[] {
  const [theirs, our] = [kindOf(published), kindOf(ours)];
  if (theirs === 'null' || our === 'null') return [];
  if (theirs !== our) return [{ path, what: `${our} instead of ${theirs}` }];
  if (theirs === 'list') {
    const [first, second] = [published as readonly unknown[], ours as readonly unknown[]];
    return first.length === 0 || second.length === 0 ? [] : compareShapes(union(first), union(second), `${path}[]`);
  }
  if (theirs !== 'object' || free.test(path)) return [];
  const [a, b] = [published as Readonly<Record<string, unknown>>, ours as Readonly<Record<string, unknown>>];
  return [
    ...Object.keys(a).flatMap((key) =>
      key in b ? compareShapes(a[key], b[key], `${path}.${key}`) : [{ path: `${path}.${key}`, what: 'missing' }],
    ),
    ...Object.keys(b).flatMap((key) => (key in a || mayBeMore.test(`.${key}`) ? [] : [{ path: `${path}.${key}`, what: 'not published' }])),
  ];
}

/** All keys of a list of objects in one object; of other things, the first. */
function union(values: readonly unknown[]): unknown {
  const objects = values.filter((value) => kindOf(value) === 'object') as Readonly<Record<string, unknown>>[];
  return objects.length === 0 ? values[0] : Object.assign({}, ...objects);
}
