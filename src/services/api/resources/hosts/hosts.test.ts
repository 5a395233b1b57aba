import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  await api.host('one', { vcpus: 16, memoryMb: 4096, localGb: 50, vcpusUsed: 3, memoryMbUsed: 700, localGbUsed: 5 });
  await api.host('two');
});
afterAll(() => api[Symbol.asyncDispose]());

test('hosts are listed by their services and zones, disabled ones aside', async () => {
  const host = (name: string) => ({ host_name: name, service: 'compute', zone: 'nova' });
  const hosts = async (query = '') => (await admin('GET', `/os-hosts${query}`)).body.hosts;
  expect(await hosts()).toEqual([host('one'), host('two')]);
  expect([await hosts('?zone=nova'), await hosts('?zone=internal')]).toEqual([[host('one'), host('two')], []]);
  const change = (status: string) => admin('PUT', '/os-hosts/two', { body: { status } });
  expect((await change('disable')).body).toEqual({ host: 'two', status: 'disabled' });
  expect(await hosts()).toEqual([host('one')]);
  const services = async () => (await admin('GET', '/os-services?host=two')).body.services[0].status;
  expect([await services(), (await change('Enable')).body, await services()]).toEqual([
    'disabled',
    { host: 'two', status: 'enabled' },
    'enabled',
  ]);
});

test('a host is shown with what its servers take, in all and by project', async () => {
  await api.server({ host: 'one', node: 'one' });
  await api.server({ host: 'one', node: 'one', projectId: 'beta' });
  const entry = (project: string, cpu: number, memory_mb: number, disk_gb: number) => ({
    resource: { host: 'one', project, cpu, memory_mb, disk_gb },
  });
  expect((await admin('GET', '/os-hosts/one')).body).toEqual({
    host: [
      entry('(total)', 16, 4096, 50),
      entry('(used_now)', 3, 700, 5),
      entry('(used_max)', 2, 1024, 2),
      entry('alpha', 1, 512, 1),
      entry('beta', 1, 512, 1),
    ],
  });
});

test.each([
  ['GET', '/os-hosts/none', undefined, 404],
  ['GET', '/os-hosts/none/reboot', undefined, 404],
  ['PUT', '/os-hosts/none', { status: 'enable' }, 404],
  ['PUT', '/os-hosts/one', {}, 400],
  ['PUT', '/os-hosts/one', { status: 'on' }, 400],
  ['PUT', '/os-hosts/one', { maintenance_mode: 'enable' }, 501],
  ['GET', '/os-hosts/one/reboot', undefined, 501],
  ['GET', '/os-hosts/one/shutdown', undefined, 501],
  ['GET', '/os-hosts/one/startup', undefined, 501],
] as const)('%s %s with %j answers %i', async (method, path, body, status) => {
  expect((await admin(method, path, body === undefined ? {} : { body })).status).toBe(status);
});

test('a host that does not answer cannot be switched', async () => {
  await admin('PUT', '/os-services/force-down', { version: '2.11', body: { host: 'two', binary: 'nova-compute', forced_down: true } });
  expect((await admin('GET', '/os-hosts/two/reboot')).body.badRequest.message).toBe('Compute service of two is unavailable at this time.');
});

test('nothing of it is served after 2.42', async () => {
  expect((await admin('GET', '/os-hosts', { version: '2.43' })).status).toBe(404);
});
