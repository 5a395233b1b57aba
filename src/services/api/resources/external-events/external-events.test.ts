import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
const heard: unknown[] = [];
beforeAll(async () => {
  api = await startApiUnderTest();
  await api.host('host-1', {}, { networkEvent: (event) => Promise.resolve(void heard.push(event)) });
});
afterAll(() => api[Symbol.asyncDispose]());

const send = (events: unknown, version = '2.1') =>
  api.as('services.service')('POST', '/os-server-external-events', { version, body: { events } });

test('events reach the hosts of their servers', async () => {
  const { id } = await api.server();
  const event = { name: 'network-vif-plugged', server_uuid: id, tag: 'port-1' };
  expect(await send([event])).toMatchObject({ status: 200, body: { events: [{ ...event, status: 'completed', code: 200 }] } });
  expect(heard).toEqual([{ instanceId: id, name: 'network-vif-plugged', tag: 'port-1', status: 'completed' }]);
});

test('each event that cannot be passed on says why, beside those that can', async () => {
  const [here, nowhere] = [await api.server(), await api.server({ host: null })];
  const unknown = crypto.randomUUID();
  const { status, body } = await send(
    [
      { name: 'network-changed', server_uuid: here.id },
      { name: 'network-changed', server_uuid: nowhere.id },
      { name: 'network-changed', server_uuid: unknown, status: 'in-progress' },
      { name: 'volume-extended', server_uuid: here.id },
    ],
    '2.51',
  );
  expect({ status, codes: body.events.map(({ code, status: of }: { code: number; status: string }) => [code, of]) }).toEqual({
    status: 207,
    codes: [
      [200, 'completed'],
      [422, 'failed'],
      [404, 'failed'],
      [400, 'failed'],
    ],
  });
  expect((await send([{ name: 'network-changed', server_uuid: unknown }])).status).toBe(207);
});

test.each([
  ['volume-extended', '2.50', 400],
  ['volume-extended', '2.51', 200],
  ['power-update', '2.75', 400],
  ['power-update', '2.76', 200],
  ['accelerator-request-bound', '2.81', 400],
  ['accelerator-request-bound', '2.82', 200],
  ['volume-reimaged', '2.92', 400],
  ['volume-reimaged', '2.93', 200],
  ['dinner-served', '2.104', 400],
])('%s at %s: %i', async (name, version, status) => {
  const { id } = await api.server();
  expect((await send([{ name, server_uuid: id, tag: 'x' }], version)).status).toBe(status);
});

test.each([[[]], [{}], [[{ name: 'network-changed' }]], [[{ name: 'network-changed', server_uuid: 'x' }]]])(
  '%j is refused',
  async (events) => {
    expect((await send(events)).status).toBe(400);
  },
);

test('many events at once take as many statements as one', async () => {
  const servers = [await api.server(), await api.server(), await api.server({ host: null })];
  const costOf = async (...of: typeof servers) => {
    const before = api.statements.length;
    await send(of.map(({ id }) => ({ name: 'network-changed', server_uuid: id })));
    return api.statements.length - before;
  };
  expect(await costOf(...servers)).toBe(await costOf(servers[0]!));
});
