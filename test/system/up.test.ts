import { createServer } from 'node:net';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kilonova } from '../support/kilonova.ts';

let directory: string;
const state = (name: string): string => join(directory, name);
const up = (name: string, ...more: readonly string[]) =>
  kilonova('up', '--detach', '--driver', 'fake', '--state', state(name), '--port-base', '0', ...more);
const endpointOf = async (name: string): Promise<string> =>
  /OS_AUTH_URL='(.*)'/.exec(await readFile(join(state(name), 'openrc'), 'utf8'))?.[1] ?? '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-up-'));
  await chmod(directory, 0o711); // the database's account passes through it
});
afterAll(async () => {
  for (const name of ['one', 'two']) await kilonova('reset', '--state', state(name));
  await rm(directory, { recursive: true, force: true });
});

test('a cloud comes up detached, says where it is, and keeps its secrets to itself', async () => {
  const { code, error } = await up('one');
  expect({ code, error }).toMatchObject({ code: 0, error: expect.stringMatching(/Your cloud is up, after \d+\.\d s\./) });
  expect((await fetch(await endpointOf('one'))).status).toBe(200);
  for (const name of ['openrc', 'clouds.yaml', 'nova.conf', 'secrets.json', 'kilonova.log'])
    expect([name, (await stat(join(state('one'), name))).mode & 0o777]).toEqual([name, 0o600]);
  const { adminPassword } = JSON.parse(await readFile(join(state('one'), 'secrets.json'), 'utf8')) as { adminPassword: string };
  const pid = (await readFile(join(state('one'), 'kilonova.pid'), 'utf8')).trim();
  expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(adminPassword);
  expect(await readFile(join(state('one'), 'kilonova.log'), 'utf8')).not.toContain(adminPassword);
});

test('a second start in the same place is refused, and the first goes on', async () => {
  expect(await up('one')).toMatchObject({ code: 4, error: expect.stringContaining('A cloud already runs in') });
  expect((await fetch(await endpointOf('one'))).status).toBe(200);
});

test('another cloud lives beside it', async () => {
  expect((await up('two')).code).toBe(0);
  const [one, two] = [await endpointOf('one'), await endpointOf('two')];
  expect(one).not.toBe(two);
  expect([(await fetch(one)).status, (await fetch(two)).status]).toEqual([200, 200]);
});

test('stopped and started again it is the same cloud', async () => {
  const before = await readFile(join(state('one'), 'secrets.json'), 'utf8');
  expect(await kilonova('down', '--state', state('one'))).toMatchObject({ code: 0, error: expect.stringContaining('is stopped') });
  expect((await up('one')).code).toBe(0);
  expect(await readFile(join(state('one'), 'secrets.json'), 'utf8')).toBe(before);
});

test('a taken port is named, and nothing is begun', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  expect(await kilonova('up', '--detach', '--driver', 'fake', '--state', state('three'), '--port-base', String(port))).toMatchObject({
    code: 5,
    error: expect.stringContaining(`Port ${port} on 127.0.0.1 is taken`),
  });
  server.close();
  expect((await kilonova('down', '--state', state('three'))).error).toContain('No cloud runs in');
});

test('a bad value in nova.conf is named with what is allowed; what is not known is a warning', async () => {
  await kilonova('down', '--state', state('two'));
  const conf = join(state('two'), 'nova.conf');
  const good = await readFile(conf, 'utf8');
  await writeFile(conf, good.replace(/^fake_hosts.*$/m, 'fake_hosts = many'));
  expect(await up('two')).toMatchObject({
    code: 7,
    error: expect.stringContaining("[kilonova] fake_hosts: 'many' is not allowed; it must be a whole number"),
  });
  await writeFile(conf, `${good}\n[libvirt]\nno_such_option = 1\n`);
  expect((await up('two')).code).toBe(0);
  expect(await readFile(join(state('two'), 'kilonova.log'), 'utf8')).toContain(
    'option [libvirt] no_such_option is not known here and has no effect',
  );
});

test('reset takes a cloud away, and nothing that is none', async () => {
  expect(await kilonova('reset', '--state', state('two'))).toMatchObject({ code: 0, error: expect.stringContaining('is gone') });
  await expect(stat(state('two'))).rejects.toThrow('ENOENT');
  expect(await kilonova('reset', '--state', directory)).toMatchObject({ code: 7, error: expect.stringContaining('nothing was removed') });
});

test('words that are none are a usage error', async () => {
  expect((await kilonova('nope')).code).toBe(2);
  expect((await kilonova('up', '--fake-hosts', 'x')).code).toBe(2);
  expect((await kilonova('--version')).code).toBe(0);
});
