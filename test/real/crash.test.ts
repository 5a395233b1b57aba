import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { connectLibvirt, defaultSocketPath, findDomain } from '../../src/lib/libvirt/index.ts';
import { serverProcesses } from '../../src/lib/postgres/orphans.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { readDaemons } from '../../src/services/network-agent/daemons/daemon.ts';
import { runDirectory } from '../../src/services/network-agent/names.ts';
import { administrator, type Administrator, type Server } from '../simulation/administrator.ts';
import { audit, kilonova, killCloud } from '../simulation/chaos.ts';
import { guestPid } from '../simulation/crash-matrix/processes.ts';

/** A cloud of real guests that is killed in the middle of what it does. The tests are one story: the last one takes everything away. */
let state: string;
let earlier: string;
let admin: Administrator;

const up = async (): Promise<void> => {
  const { code, error } = await kilonova('up', '--detach', '--driver', 'libvirt', '--port-base', '0', '--state', state);
  if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
  admin = await administrator(join(state, 'openrc'));
};
const until = <T>(what: string, probe: () => Promise<T | null>, everyMs = 100): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: 240_000, everyMs, what });
const find = async (id: string): Promise<Server | null> => (await admin.servers()).find((server) => server.id === id) ?? null;
const create = async (name: string): Promise<string> => {
  const { ids, accepted } = await admin.create(name, 1);
  expect(accepted).toBe(true);
  return ids[0]!;
};
const hasDomain = async (id: string): Promise<boolean> => {
  const client = await connectLibvirt({ transport: { kind: 'unix', path: defaultSocketPath }, name: 'qemu:///system' });
  try {
    return (await findDomain(client, id)) !== null;
  } finally {
    client.close();
  }
};

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'kilonova-crash-'));
  earlier = `${state}.json`;
  await up();
});
afterAll(async () => {
  await kilonova('reset', '--state', state);
  await rm(state, { recursive: true, force: true });
  await rm(earlier, { force: true });
});

/** Ended well, or badly with a reason. */
const settled = (id: string): Promise<Server> =>
  until(`The end of what was begun with ${id}`, async () => {
    const server = await find(id).catch(() => null); // the database may be away
    return server !== null && server.taskState === null && server.status !== 'BUILD' ? server : null;
  });
const expectSound = async (server: Server): Promise<void> => {
  expect(['ACTIVE', 'ERROR']).toContain(server.status);
  if (server.status === 'ERROR') expect(server.fault).toMatch(/\w/);
  expect(await hasDomain(server.id)).toBe(server.status === 'ACTIVE');
  expect(await audit(state)).toMatchObject({ findings: [], notAudited: [] });
};

test('a build goes on, or says why not, when the cloud is killed as it hands the guest to its host', async () => {
  const id = await create('killed-early');
  await until('Spawning', async () => ((await find(id))?.taskState === 'spawning' ? true : null), 10);
  await killCloud(state);
  await up();
  await expectSound(await settled(id));
});

test('a build goes on, or says why not, when the cloud is killed as soon as the guest is there', async () => {
  const id = await create('killed-late');
  await until('A domain', async () => ((await hasDomain(id)) ? true : null), 10);
  await killCloud(state);
  await up();
  await expectSound(await settled(id));
});

test('a build goes on, or says why not, when its PostgreSQL is killed as it hands the guest to its host', async () => {
  const postmaster = async () => (await serverProcesses(join(state, 'postgresql/data'))).find(({ leads }) => leads)?.pid;
  const id = await create('killed-under');
  await until('Spawning', async () => ((await find(id))?.taskState === 'spawning' ? true : null), 10);
  const killed = await postmaster();
  process.kill(killed!, 'SIGKILL');
  await expectSound(await settled(id));
  expect(await postmaster()).not.toBe(killed);
});

test('a guest that is killed is off, nobody else’s is, and it starts again', async () => {
  const [victim, other] = (await admin.servers()).filter(({ status }) => status === 'ACTIVE');
  const pid = await guestPid(other!.id);
  process.kill((await guestPid(victim!.id))!, 'SIGKILL');
  await until('SHUTOFF', async () => ((await find(victim!.id))?.status === 'SHUTOFF' ? true : null));
  expect((await admin.act(victim!.id, { 'os-start': null })).accepted).toBe(true);
  await until('ACTIVE', async () => ((await find(victim!.id))?.status === 'ACTIVE' ? true : null));
  expect(await guestPid(other!.id)).toBe(pid);
});

test('a DHCP server and a metadata proxy that are killed are started again', async () => {
  const { cloudId } = JSON.parse(await readFile(join(state, 'secrets.json'), 'utf8')) as { cloudId: string };
  const daemons = () => readDaemons(runDirectory(cloudId));
  const programs = (running: Awaited<ReturnType<typeof daemons>>) => running.map(({ program }) => program).toSorted();
  const before = await daemons();
  expect(new Set(programs(before))).toEqual(new Set(['dnsmasq', 'haproxy']));
  for (const { pid } of before) process.kill(pid, 'SIGKILL');
  const after = await until('The daemons', async () => {
    const running = await daemons();
    return running.length >= before.length && running.every(({ pid }) => !before.some((dead) => dead.pid === pid)) ? running : null;
  });
  expect(programs(after)).toEqual(programs(before));
});

test('a delete is carried through when the cloud is killed in the middle of it', async () => {
  const [server] = await admin.servers();
  expect((await admin.remove(server!.id)).accepted).toBe(true);
  await killCloud(state);
  await up();
  await until('The delete', async () => ((await find(server!.id)) === null ? true : null));
  expect(await hasDomain(server!.id)).toBe(false);
});

test('when all is deleted nothing is left, and after a reset not even the networks', async () => {
  for (const { id } of await admin.servers()) await admin.remove(id);
  await until('The end of all servers', async () => ((await admin.servers()).length === 0 ? true : null));
  expect(await admin.serverPorts()).toEqual([]);
  expect(await kilonova('inspect', 'audit', '--state', state)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/: 0 findings, 0 leftovers\n$/),
  });

  const running = await kilonova('inspect', 'audit', '--host', '--json', '--state', state);
  const had = (JSON.parse(running.out) as { leftovers: { kind: string; name: string }[] }).leftovers;
  expect(new Set(had.map(({ kind }) => kind))).toEqual(new Set(['device', 'namespace', 'nft table', 'process', 'directory']));
  await writeFile(earlier, running.out);
  const { cloudId } = JSON.parse(await readFile(join(state, 'secrets.json'), 'utf8')) as { cloudId: string };
  expect(await kilonova('reset', '--state', state)).toMatchObject({ code: 0 });
  expect(await kilonova('inspect', 'audit', '--host', '--state', state, '--cloud-id', cloudId, '--earlier', earlier)).toEqual({
    code: 0,
    out: '0 leftovers\n',
    error: '',
  });
});
