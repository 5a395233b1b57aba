import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FittedTopology } from '../../../../domain/numa/guest-topology.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let topology: FittedTopology | null;
beforeAll(async () => {
  api = await startApiUnderTest();
  await api.host('host-1', {}, { topology: () => Promise.resolve({ topology }) });
});
afterAll(() => api[Symbol.asyncDispose]());

const cell = { memoryMb: 512, pageSizeKb: 2048, reservedCpus: [], shadowedCpus: [] };
const show = async (who: string, changes: object = {}, version = '2.78') =>
  api.as(who)('GET', `/servers/${(await api.server(changes)).id}/topology`, { version });

test('a server is laid out on nodes, whose places on the host administrators see', async () => {
  topology = {
    cpuPolicy: 'mixed',
    cpuThreadPolicy: null,
    emulatorThreads: null,
    pageSize: 2048,
    cells: [
      { ...cell, id: 0, cpus: [1], pinnedCpus: [0], hostCell: 1, pinning: { 0: 9 } },
      { ...cell, id: 1, cpus: [2], pinnedCpus: [], hostCell: 0, pinning: {} },
    ],
  };
  const nodes = [
    { memory_mb: 512, siblings: [], vcpu_set: [0, 1] },
    { memory_mb: 512, siblings: [], vcpu_set: [2] },
  ];
  expect((await show('alpha.reader')).body).toEqual({ nodes, pagesize_kb: 2048 });
  expect((await show('ops.admin')).body.nodes).toEqual([
    { ...nodes[0], host_node: 1, cpu_pinning: { 0: 9 } },
    { ...nodes[1], host_node: 0, cpu_pinning: {} },
  ]);
});

test('one that floats over its host, or has none, is laid out on none', async () => {
  topology = null;
  const none = { nodes: [], pagesize_kb: null };
  expect([(await show('ops.admin')).body, (await show('ops.admin', { host: null })).body]).toEqual([none, none]);
  expect((await show('ops.admin', {}, '2.77')).status).toBe(404);
});
