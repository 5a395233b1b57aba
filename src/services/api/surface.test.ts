import { describe, expect, test } from 'vitest';
import { formatVersion, isWithin, version, type Version, type Window } from '../../lib/http/microversion.ts';
import { computeMicroversions } from './microversions.ts';
import { actionRoutes, routes } from './resources/index.ts';
import { projectVersionRoutes } from './resources/versions/routes.ts';
import { actionsNotServedYet, notServedYet } from './test-support/not-served-yet.ts';
import { otherActionKeys, serverActionKeys, surface, type Life } from './test-support/published-surface.ts';

const withoutNames = (path: string): string => path.replaceAll(/:\w+(\([^)]*\))?/g, '{}');
const all = Array.from({ length: version(computeMicroversions.max) - 2000 }, (_, index): Version => 2001 + index);

/** The versions at which something answers, as ranges: `2.1..2.35`. */
function lifeOf(windows: readonly Window[]): string {
  const lived = all.filter((v) => windows.some((window) => isWithin(window, v)));
  const starts = lived.filter((v) => !lived.includes(v - 1));
  const ends = lived.filter((v) => !lived.includes(v + 1));
  return starts
    .map((start, index) => `${formatVersion(start)}..${ends[index] === all.at(-1) ? '' : formatVersion(ends[index]!)}`)
    .join(' ');
}

/** What answers 410 does so at every version. */
const asServed = (life: Life): string => (life === 'gone' ? '2.1..' : life);

const ofTables: readonly (Window & { readonly method: string; readonly path: string })[] = [
  ...routes,
  ...projectVersionRoutes(['']),
  ...actionRoutes.flatMap(({ path, actions }) =>
    actions.map(({ since, until }) => ({
      method: 'POST',
      path,
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    })),
  ),
];
const served = new Map(
  [...Map.groupBy(ofTables, ({ method, path }) => `${method} ${withoutNames(path)}`)].map(([pair, group]) => [pair, lifeOf(group)]),
);
const published = new Map(
  Object.entries(surface).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, life]) => [`${method} ${path}`, asServed(life)]),
  ),
);

describe('the published Compute API', () => {
  const missing = new Set(Object.values(notServedYet).flat());

  test('is served pair by pair, each as long as it lives, except for what is known not to be', () => {
    const wrong = [...published].flatMap(([pair, life]) => {
      if (missing.has(pair)) return served.has(pair) ? [`${pair} is served: strike it from the list`] : [];
      const found = served.get(pair);
      return found === life ? [] : [`${pair} lives ${life}, served ${found ?? 'never'}`];
    });
    expect(wrong).toEqual([]);
  });

  test('is all there is, and only what is published is missing', () => {
    expect([...served.keys()].filter((pair) => !published.has(pair))).toEqual([]);
    expect([...missing].filter((pair) => !published.has(pair))).toEqual([]);
    expect(published.size).toBe(209);
  });

  const actionsOf = (path: string): ReadonlyMap<string, string> => {
    const route = actionRoutes.find((each) => withoutNames(each.path) === path);
    const actions: readonly (Window & { readonly key: string })[] = route?.actions ?? [];
    const lives = [...Map.groupBy(actions, ({ key }) => key)].map(([key, group]) => [key, lifeOf(group)] as const);
    const retired: readonly string[] = route?.retired ?? [];
    return new Map([...lives, ...retired.map((key) => [key, 'gone'] as const)]);
  };

  test.each(Object.entries({ '/servers/{}/action': serverActionKeys, ...otherActionKeys }))('has these actions at %s', (path, keys) => {
    const missingHere = new Set(Object.values(actionsNotServedYet).flat());
    const known = actionsOf(path);
    const wrong = Object.entries(keys).flatMap(([key, life]) => {
      if (missingHere.has(key)) return known.has(key) ? [`${key} is served: strike it from the list`] : [];
      return known.get(key) === life ? [] : [`${key} lives ${life}, served ${known.get(key) ?? 'never'}`];
    });
    expect({ wrong, more: [...known.keys()].filter((key) => !(key in keys)) }).toEqual({ wrong: [], more: [] });
  });
});
