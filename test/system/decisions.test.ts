import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Decision, Explanation } from '../../src/domain/decision.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { inspect } from '../../src/services/inspect/inspect.ts';
import { writeCredentials } from '../../src/services/up/credentials-files.ts';
import { stateDirectory } from '../../src/services/up/state-directory.ts';
import { password, startTestCloud, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let directory: string;
const ask = (method: string, path: string, body?: unknown) => cloud.admin.ask('compute', method, path, body);
/** The operator's paths stand beside the API's mount. */
const operator = async (method: string, path: string, body?: unknown, token = cloud.admin.token) => {
  const answer = await fetch(new URL(`/kilonova/v1${path}`, cloud.cloud.endpoints['compute']), {
    method,
    headers: { 'x-auth-token': token, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
};
const server = (more: object = {}) => ({ name: 's', imageRef: cloud.imageId, flavorRef: 'large', networks: 'none', ...more });

beforeAll(async () => {
  cloud = await startTestCloud('[kilonova]\nfake_hosts = 4');
  directory = await mkdtemp(join(tmpdir(), 'kilonova-decisions-'));
  await writeCredentials(
    stateDirectory(directory),
    { adminPassword: password, servicePasswords: {}, metadataSecret: '', cloudId: 'test' },
    cloud.cloud,
  );
  // one host in a zone of its own, one disabled
  const { body } = await ask('POST', '/os-aggregates', { aggregate: { name: 'apart', availability_zone: 'apart' } });
  expect((await ask('POST', `/os-aggregates/${body.aggregate.id}/action`, { add_host: { host: 'fake-3' } })).status).toBe(200);
  const services = (await ask('GET', '/os-services?binary=nova-compute')).body.services as { id: string; host: string }[];
  const last = services.find(({ host }) => host === 'fake-4')!;
  expect((await ask('PUT', `/os-services/${last.id}`, { status: 'disabled' })).status).toBe(200);
  await ask('POST', '/flavors', { flavor: { id: 'large', name: 'large', vcpus: 1, ram: 1024, disk: 1 } });
  await ask('POST', '/flavors', { flavor: { id: 'huge', name: 'huge', vcpus: 1, ram: 2_000_000, disk: 1 } });
  await ask('PUT', `/os-quota-sets/${cloud.admin.projectId}`, { quota_set: { ram: -1, cores: -1 } });
});
afterAll(async () => {
  await cloud.stop();
  await rm(directory, { recursive: true, force: true });
});

/** The decision about a server, by whichever id; it is written a moment after it was made. */
const decisionOf = (id: string): Promise<Decision> =>
  waitUntil(
    async () => {
      const { status, body } = await operator('GET', `/decisions/${id}`);
      return status === 200 ? (body as Decision) : null;
    },
    { clock: systemClock, timeoutMs: 10_000, everyMs: 20, what: `the decision ${id}` },
  );

test('the user is told why without names of hosts, the operator with them', async () => {
  const { id } = (await ask('POST', '/servers', { server: server({ flavorRef: 'huge', availability_zone: 'apart' }) })).body.server;
  const { fault } = await cloud.settled(cloud.admin, id, 'ERROR');
  expect(fault.message).toMatch(
    /^No valid host was found\. 4 hosts: 2 are in another zone, 1 is disabled, 1 lacks 2000000 MB of memory; the nearest lacks \d+ MB of memory\.$/,
  );
  const [action] = (await ask('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions as { request_id: string }[];
  const { events } = (await ask('GET', `/servers/${id}/os-instance-actions/${action!.request_id}`)).body.instanceAction;
  expect(JSON.stringify(events)).toContain('1 lacks 2000000 MB of memory');
  expect(JSON.stringify(events)).not.toContain('fake-3');

  const decision = await decisionOf(id);
  expect(decision).toMatchObject({ found: false, requestId: action!.request_id, instanceIds: [id], flavor: 'huge' });
  expect(decision.explanation!.detail).toMatch(/the nearest, fake-3, lacks \d+ MB of memory\.$/);
  const of = (host: string) => decision.explanation!.hosts.find((one) => one.host === host);
  expect(of('fake-1')).toMatchObject({ constraint: 'in another zone', because: 'is in no zone, not apart', rank: null });
  expect(of('fake-4')).toMatchObject({ constraint: 'disabled' });
  expect((await decisionOf(decision.id)).id).toBe(decision.id);
  expect((await decisionOf(action!.request_id)).id).toBe(decision.id);
});

test('kilonova inspect decision shows it as text and as JSON, and lists decisions', async () => {
  const { id } = (await ask('POST', '/servers', { server: server() })).body.server;
  await cloud.settled(cloud.admin, id, 'ACTIVE');
  const decision = await decisionOf(id);
  expect(decision).toMatchObject({ found: true, explanation: null, destinations: [{ instanceId: id }] });
  const look = async (what: Parameters<typeof inspect>[1], json: boolean): Promise<string> => {
    let text = '';
    const options = { statePath: directory, openrc: join(directory, 'openrc'), running: true, json };
    expect(await inspect({ ...options, write: (more) => void (text += more) }, what)).toBe(0);
    return text;
  };
  const { host } = decision.destinations[0]!;
  expect(await look({ what: 'decision', id }, false)).toMatch(new RegExp(`SERVER +HOST +NODE +OTHERWISE\\n${id} +${host}`));
  expect(JSON.parse(await look({ what: 'decision', id }, true))).toEqual(decision);
  const refused = await look({ what: 'decisions', failed: true }, false);
  expect(refused).toContain('the nearest, fake-3, lacks');
  expect(refused).not.toContain(decision.id);
});

test('an explanation says where a server would fit and makes nothing', async () => {
  const before = (await ask('GET', '/servers?all_tenants=1')).body.servers.length;
  const { status, body } = await operator('POST', '/placements:explain', { server: server() });
  expect(status).toBe(200);
  const explanation = body as Explanation;
  expect(explanation).toMatchObject({ considered: 4, fitting: 3 });
  expect(explanation.hosts.slice(0, 3).map(({ rank }) => rank)).toEqual([1, 2, 3]);
  expect(explanation.hosts[3]).toMatchObject({ host: 'fake-4', constraint: 'disabled', because: 'is disabled' });
  expect(explanation.query).toContain('root_required');
  expect((await ask('GET', '/servers?all_tenants=1')).body.servers).toHaveLength(before);
  const hinted = await operator('POST', '/placements:explain', { server: server({ host: 'fake-2' }), 'os:scheduler_hints': {} });
  expect((hinted.body as Explanation).hosts.filter(({ rank }) => rank !== null).map(({ host }) => host)).toEqual(['fake-2']);
});

test('an explanation is for operators, and of a server that could be asked for', async () => {
  const user = await cloud.user('member');
  expect((await operator('POST', '/placements:explain', { server: server() }, user.token)).status).toBe(403);
  const hostile: readonly unknown[] = [
    '{',
    '[]',
    'null',
    {},
    { server: null },
    { server: server({ name: '' }) },
    { server: server({ flavorRef: 'none' }) },
    { server: server({ imageRef: '00000000-0000-4000-8000-000000000000' }) },
    { server: server({ unknown: 1 }) },
    { server: server({ host: "x' OR 1=1" }) },
    { server: server(), 'os:scheduler_hints': { group: 'no-uuid' } },
    { server: server(), other: true },
    { server: server({ min_count: 3, max_count: 2 }) },
    `{"server": {"name": "${'x'.repeat(300)}"}}`,
    `${'{"server":'.repeat(2000)}1${'}'.repeat(2000)}`,
  ];
  const statuses = await Promise.all(hostile.map(async (body) => (await operator('POST', '/placements:explain', body)).status));
  expect(statuses).toEqual(hostile.map(() => 400));
  expect((await operator('GET', '/decisions/nothing')).status).toBe(404);
  expect((await operator('GET', '/decisions?limit=x')).status).toBe(400);
});
