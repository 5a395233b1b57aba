import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../../../domain/instance.ts';
import { recordAction, recordEvent } from '../../../../store/actions.ts';
import { markDeleted } from '../../../../store/instances.ts';
import { hostId } from '../servers/view.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let server: Instance;
const request = (number: number) => `req-00000000-0000-4000-8000-00000000000${number}`;
beforeAll(async () => {
  api = await startApiUnderTest();
  server = await api.server();
  const database = api.stores.defaultCell.database;
  for (const [index, action] of ['create', 'stop', 'start'].entries()) {
    await recordAction(database, [
      { instanceId: server.id, action, requestId: request(index + 1), userId: 'alpha.member', projectId: 'alpha' },
    ]);
  }
  const event = { startTime: '2026-01-02T03:04:05.5Z', finishTime: '2026-01-02T03:04:06Z', host: 'host-1' };
  await recordEvent(database, server.id, request(2), {
    ...event,
    event: 'compute_stop_instance',
    result: 'Error',
    traceback: 'at x',
    details: 'the guest did not listen',
  });
  await recordEvent(database, server.id, request(2), {
    ...event,
    event: 'compute_power_update',
    result: 'Success',
    traceback: null,
    details: null,
    finishTime: null,
  });
});
afterAll(() => api[Symbol.asyncDispose]());

const get = async (who: string, path: string, version: string) => {
  const { status, body } = await api.as(who)('GET', `/servers/${server.id}/os-instance-actions${path}`, { version });
  return status === 200 ? body : status;
};

describe('what was done to a server', () => {
  const shown = (number: number, action: string, message: string | null = null) => ({
    action,
    instance_uuid: server.id,
    request_id: request(number),
    user_id: 'alpha.member',
    project_id: 'alpha',
    start_time: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
    message,
  });

  test('is listed, the newest first', async () => {
    expect(await get('alpha.reader', '', '2.1')).toEqual({
      instanceActions: [shown(3, 'start'), shown(2, 'stop', 'Error'), shown(1, 'create')],
    });
    expect((await get('alpha.reader', '', '2.58')).instanceActions[0]).toEqual({ ...shown(3, 'start'), updated_at: expect.any(String) });
  });

  test('is listed in pages since 2.58, and by when it last changed', async () => {
    const ids = async (query: string, version = '2.58') => {
      const body = await get('alpha.reader', query, version);
      return typeof body === 'number'
        ? body
        : (body.instanceActions as { request_id: string }[]).map(({ request_id: id }) => Number(id.at(-1)));
    };
    expect(await get('alpha.reader', '?limit=1', '2.58')).toMatchObject({
      links: [{ rel: 'next', href: `http://localhost:80/v2.1/servers/${server.id}/os-instance-actions?limit=1&marker=${request(3)}` }],
    });
    expect([
      await ids(`?limit=1&marker=${request(3)}`),
      await ids(`?marker=${request(1)}`),
      await ids('?marker=none'),
      await ids('?changes-since=2001-01-01T00:00:00Z'),
      await ids('?changes-since=2101-01-01'),
      await ids('?changes-since=yesterday'),
      await ids('?changes-before=2001-01-01', '2.65'),
      await ids('?changes-before=2001-01-01', '2.66'),
      await ids('?changes-before=2001-01-01&changes-since=2002-01-01', '2.66'),
      await ids('?colour=red', '2.57'),
      await ids('?colour=red'),
    ]).toEqual([[2], [], 400, [3, 2, 1], [], 400, 400, [], 400, [3, 2, 1], 400]);
  });

  test('is shown with its events; where they happened and why they failed is for administrators', async () => {
    const events = async (who: string, version: string) => (await get(who, `/${request(2)}`, version)).instanceAction.events;
    const failed = {
      event: 'compute_stop_instance',
      start_time: '2026-01-02T03:04:05.500000',
      finish_time: '2026-01-02T03:04:06.000000',
      result: 'Error',
    };
    expect([await events('alpha.reader', '2.50'), (await events('alpha.reader', '2.51')).length]).toEqual([undefined, 2]);
    expect((await events('alpha.reader', '2.84'))[1]).toEqual({ ...failed, hostId: hostId({ projectId: 'alpha', host: 'host-1' }) });
    expect((await events('ops.admin', '2.1'))[1]).toEqual({ ...failed, traceback: 'at x' });
    expect(await events('ops.admin', '2.84')).toEqual([
      {
        event: 'compute_power_update',
        start_time: failed.start_time,
        finish_time: null,
        result: 'Success',
        traceback: null,
        host: 'host-1',
        hostId: expect.any(String),
        details: null,
      },
      {
        ...failed,
        traceback: 'at x',
        host: 'host-1',
        hostId: hostId({ projectId: 'alpha', host: 'host-1' }),
        details: 'the guest did not listen',
      },
    ]);
    expect(await get('alpha.reader', '/req-none', '2.1')).toBe(404);
  });

  test('can be read after the server is deleted since 2.21, by its own project', async () => {
    await markDeleted(api.stores.defaultCell.database, server.id);
    expect([await get('alpha.reader', '', '2.20'), await get('beta.member', '', '2.21')]).toEqual([404, 404]);
    expect((await get('alpha.reader', '', '2.21')).instanceActions).toHaveLength(3);
    expect((await get('alpha.reader', `/${request(1)}`, '2.21')).instanceAction.action).toBe('create');
  });
});
