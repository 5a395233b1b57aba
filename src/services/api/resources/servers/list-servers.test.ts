import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleInstanceImage, sampleSubnet, sampleVif } from '../../../../../test/support/samples.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

describe('lists of servers', () => {
  let servers: Readonly<Record<'web' | 'db' | 'old' | 'gone' | 'foreign', Instance>>;
  beforeAll(async () => {
    servers = {
      web: await api.server({
        name: 'web-1',
        tags: ['blue', 'front'],
        networkInfo: [sampleVif({ subnets: [sampleSubnet({ addresses: [{ address: '10.0.0.7', floating: [] }] })] })],
        reservationId: 'r-web',
      }),
      db: await api.server({
        name: 'db.main',
        tags: ['blue'],
        vmState: 'stopped',
        lockedBy: 'owner',
        host: 'host-2',
        node: 'host-2',
        keyName: 'mine',
        powerState: 4,
      }),
      old: await api.server({
        name: 'old',
        taskState: 'rebooting',
        userId: 'other',
        image: sampleInstanceImage({ id: 'image-1', name: null, diskFormat: 'raw' }),
      }),
      gone: await api.server({ name: 'gone', vmState: 'deleted', deletedAt: '2026-01-01T00:00:00Z', terminatedAt: '2026-01-01T00:00:00Z' }),
      foreign: await api.server({ name: 'web-foreign', projectId: 'beta', userId: 'beta.member' }),
    };
  });

  const names = async (who: string, query: string, version = '2.1') => {
    const { status, body } = await api.as(who)('GET', `/servers${query}`, { version });
    const known = Object.fromEntries(Object.entries(servers).map(([name, { id }]) => [id, name]));
    return status === 200 ? (body.servers as { id: string }[]).map(({ id }) => known[id]) : status;
  };

  test.each<[string, string, unknown]>([
    ['', '2.1', ['old', 'db', 'web']],
    ['?name=web', '2.1', ['web']],
    ['?name=^d.*n$', '2.1', ['db']],
    ['?name=(', '2.1', 400],
    ['?name=', '2.1', 400],
    ['?status=active', '2.1', ['old', 'web']],
    ['?status=REBOOT', '2.1', ['old']],
    ['?status=SHUTOFF&status=REBOOT', '2.1', ['old', 'db']],
    ['?status=SLEEPING', '2.37', []],
    ['?status=SLEEPING', '2.38', 400],
    ['?status=DELETED', '2.1', 403],
    ['?image=image-1', '2.1', ['old']],
    ['?flavor=1', '2.1', ['old', 'db', 'web']],
    ['?flavor=none', '2.1', []],
    ['?ip=10.0.0', '2.1', ['web']],
    ['?ip6=10.0.0.9', '2.4', ['old', 'db', 'web']],
    ['?ip6=10.0.0.9', '2.5', []],
    ['?reservation_id=r-web', '2.1', ['web']],
    ['?tags=blue', '2.25', ['old', 'db', 'web']],
    ['?tags=blue,front', '2.26', ['web']],
    ['?tags-any=front,none', '2.26', ['web']],
    ['?not-tags=blue,front', '2.26', ['old', 'db']],
    ['?not-tags-any=blue', '2.26', ['old']],
    ['?locked=true', '2.72', ['old', 'db', 'web']],
    ['?locked=true', '2.73', ['db']],
    ['?locked=perhaps', '2.73', 400],
    ['?config_drive=False', '2.83', ['old', 'db', 'web']],
    ['?config_drive=1', '2.83', []],
    ['?key_name=mine', '2.82', ['old', 'db', 'web']],
    ['?key_name=mine', '2.83', ['db']],
    ['?user_id=other', '2.83', ['old']],
    ['?host=host-2', '2.83', ['old', 'db', 'web']],
    ['?power_state=4', '2.83', ['db']],
    ['?changes-since=2001-01-01T00:00:00Z', '2.1', ['gone', 'old', 'db', 'web']],
    ['?changes-since=2101-01-01', '2.1', []],
    ['?changes-since=soon', '2.1', 400],
    ['?changes-before=2001-01-01', '2.65', ['old', 'db', 'web']],
    ['?changes-before=2001-01-01', '2.66', []],
    ['?all_tenants=1', '2.1', 403],
    ['?all_tenants=0&project_id=beta', '2.1', ['old', 'db', 'web']],
    ['?all_tenants=perhaps', '2.1', 400],
    ['?colour=red', '2.74', ['old', 'db', 'web']],
    ['?colour=red', '2.75', 400],
    ['?sort_key=display_name&sort_dir=asc', '2.1', ['db', 'old', 'web']],
    ['?sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc', '2.1', ['db', 'old', 'web']],
    ['?sort_dir=asc', '2.1', ['web', 'db', 'old']],
    ['?sort_dir=asc&sort_dir=asc', '2.1', 400],
    ['?sort_dir=up', '2.1', 400],
    ['?sort_key=host', '2.1', 403],
    ['?sort_key=vcpus', '2.74', ['old', 'db', 'web']],
    ['?sort_key=vcpus', '2.75', 400],
    ['?sort_key=constructor', '2.1', 400],
    ['?sort_key=locked&sort_dir=asc', '2.73', ['web', 'old', 'db']],
    ['?limit=2', '2.1', ['old', 'db']],
    ['?limit=0', '2.1', []],
    ['?limit=-1', '2.1', 400],
    ['?marker=none', '2.1', 400],
  ])('%s at %s gives a member %j', async (query, version, expected) => {
    const sorted = query === '?sort_key=locked&sort_dir=asc'; // both that are not locked are equal but for their ids
    const shown = await names('alpha.member', query, version);
    expect(sorted ? [(shown as string[]).slice(0, 2).toSorted().toReversed(), (shown as string[]).slice(2)].flat() : shown).toEqual(
      expected,
    );
  });

  test.each<[string, unknown]>([
    ['?all_tenants', ['foreign', 'old', 'db', 'web']],
    ['?all_tenants=true&project_id=beta', ['foreign']],
    ['?all_tenants=true&tenant_id=beta', ['foreign']],
    ['?all_tenants=true&host=host-2', ['db']],
    ['?all_tenants=true&uuid=none', []],
    ['?all_tenants=true&status=DELETED', ['gone']],
    ['?all_tenants=true&deleted=true', ['gone']],
    ['?all_tenants=true&sort_key=host&sort_dir=desc&limit=1', ['db']],
    ['', []],
  ])('%s gives an administrator %j', async (query, expected) => {
    expect(await names('ops.admin', query)).toEqual(expected);
  });

  test('are read page by page without gaps, whatever the order, over all cells', async () => {
    for (const sort of ['', 'sort_key=display_name&sort_dir=asc', 'sort_key=key_name&sort_dir=asc', 'sort_key=task_state&sort_dir=desc']) {
      const seen: unknown[] = [];
      let next: string | undefined = `/v2.1/servers?limit=1&${sort}`;
      while (next !== undefined) {
        const { body }: { body: { servers: { id: string }[]; servers_links?: { rel: string; href: string }[] } } = await api.as(
          'alpha.reader',
        )('GET', next);
        seen.push(...body.servers.map(({ id }) => id));
        next = body.servers_links?.[0]?.href.replace('http://localhost:80', '');
      }
      expect(seen.toSorted()).toEqual([servers.web.id, servers.db.id, servers.old.id].toSorted());
    }
  });

  test('do not take a server of another project for a marker', async () => {
    expect(await names('alpha.member', `?marker=${servers.foreign.id}`)).toBe(400);
    expect(await names('alpha.member', `?marker=${servers.db.id}`)).toEqual(['web']);
  });
});
