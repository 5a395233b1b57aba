import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatVersion, isWithin, version, type Version, type VersionText } from '../../lib/http/microversion.ts';
import type { VersionedView } from '../../lib/http/versioned-view.ts';
import { computeMicroversions } from './microversions.ts';
import { actionRoutes, routes } from './resources/index.ts';
import type { Instance } from '../../domain/instance.ts';
import { transition } from '../../store/instances.ts';
import { startApiUnderTest, type ApiUnderTest } from './test-support/api-under-test.ts';
import { keysOfViews, serverKeys, serverKeysOfAdmins, type Keys } from './test-support/published-views.ts';
import { sampleImage, sampleInstanceImage } from '../../../test/support/samples.ts';

const all = Array.from({ length: version(computeMicroversions.max) - 2000 }, (_, index): Version => 2001 + index);
const spans = (keys: Keys) =>
  Object.entries(keys).map(([span, names = '']) => {
    const [since, until] = span.split('..') as [VersionText, VersionText | ''];
    return { window: { since, ...(until === '' ? {} : { until }) }, names: names.split(' ') };
  });

/** The keys at a version, by their tables. */
const keysAt = (at: Version, ...tables: readonly Keys[]): string[] =>
  tables
    .flatMap(spans)
    .flatMap(({ window, names }) => (isWithin(window, at) ? names : []))
    .toSorted();

const answers = [
  ...routes,
  ...actionRoutes.flatMap(({ actions }) => actions as readonly { readonly reply: (typeof routes)[number]['reply'] }[]),
];
const views = new Map(
  answers.flatMap(({ reply: { view } }) => (view === undefined ? [] : [[view.title, view as VersionedView<unknown>] as const])),
);

test('every view that a route answers with is held against what is published', () => {
  expect([...views.keys()].toSorted()).toEqual([...Object.keys(keysOfViews), 'ChangedServer', 'RebuiltServer', 'Server'].toSorted());
});

test.each(Object.entries(keysOfViews))('%s has the published keys at every microversion', (title, keys) => {
  const found = all.map((at) => [formatVersion(at), Object.keys(views.get(title)!.schema(at)['properties'] as object).toSorted()]);
  expect(found).toEqual(all.map((at) => [formatVersion(at), keysAt(at, keys)]));
});

const imageId = '0f0f0f0f-0000-4000-8000-000000000001';
const imageOf = (of: string): Instance['image'] => sampleInstanceImage({ id: of, name: null, diskFormat: 'raw' });

describe('a server', () => {
  let api: ApiUnderTest;
  let id: string;
  beforeAll(async () => {
    api = await startApiUnderTest();
    api.neighbours.images.set(imageId, sampleImage({ id: imageId }));
    ({ id } = await api.server({ securityGroups: ['default'], image: imageOf(imageId), blockDevices: [] }));
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const tables = [...Object.values(serverKeys), ...Object.values(serverKeysOfAdmins)];
  /** Each version at which a key comes, and the ones before and after a key goes. */
  const turns = [
    ...new Set(
      tables
        .flatMap(spans)
        .flatMap(({ window: { since, until } }) => [
          version(since) - 1,
          version(since),
          ...(until === undefined ? [] : [version(until), version(until) + 1]),
        ]),
    ),
  ];
  const versions = [...turns.filter((at) => all.includes(at)), all.at(-1)!].map(formatVersion);

  /** What is asked, and where the server stands in the answer. */
  const asked = {
    list: async (who: string, at: string) => (await api.as(who)('GET', '/servers', { version: at })).body.servers[0],
    detail: async (who: string, at: string) => (await api.as(who)('GET', '/servers/detail', { version: at })).body.servers[0],
    show: async (who: string, at: string) => (await api.as(who)('GET', `/servers/${id}`, { version: at })).body.server,
    change: async (who: string, at: string) =>
      (await api.as(who)('PUT', `/servers/${id}`, { version: at, body: { server: {} } })).body.server,
    rebuild: async (who: string, at: string) => {
      await transition(api.stores.defaultCell.database, id, { vmState: 'active', taskState: null });
      return (await api.as(who)('POST', `/servers/${id}/action`, { version: at, body: { rebuild: { imageRef: imageId } } })).body.server;
    },
  };

  test.each(Object.keys(asked) as (keyof typeof asked)[])('has the published keys wherever they come and go: %s', async (view) => {
    for (const at of versions) {
      const shownTo = async (who: string) => [at, Object.keys((await asked[view](who, at)) as object).toSorted()];
      expect(await shownTo('alpha.member')).toEqual([at, keysAt(version(at), serverKeys[view])]);
      expect(await shownTo('alpha.admin')).toEqual([at, keysAt(version(at), serverKeys[view], serverKeysOfAdmins[view])]);
    }
  });

  test('shows its fault in place of its progress when it failed', async () => {
    const failed = await api.server({
      vmState: 'error',
      fault: { code: 500, created: '2026-01-02T03:04:05Z', message: 'No valid host', details: null },
    });
    const { server } = (await api.as('alpha.member')('GET', `/servers/${failed.id}`)).body;
    expect([server.fault, 'progress' in server, 'security_groups' in server]).toEqual([
      { code: 500, created: '2026-01-02T03:04:05Z', message: 'No valid host' },
      false,
      false,
    ]);
  });
});
