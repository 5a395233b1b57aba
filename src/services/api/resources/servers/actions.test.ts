import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

describe('actions', () => {
  const act = (ask: Ask, id: string, action: object, version = '2.1') => ask('POST', `/servers/${id}/action`, { version, body: action });

  test.each([
    ['os-start', { vmState: 'active' }, "Cannot 'start' instance ID while it is in vm_state active"],
    ['os-stop', { vmState: 'stopped' }, "Cannot 'stop' instance ID while it is in vm_state stopped"],
    ['os-stop', { taskState: 'powering-off' }, "Cannot 'stop' instance ID while it is in task_state powering-off"],
    ['pause', { vmState: 'paused' }, "Cannot 'pause' instance ID while it is in vm_state paused"],
    ['resume', { vmState: 'active' }, "Cannot 'resume' instance ID while it is in vm_state active"],
    ['os-start', { vmState: 'stopped', lockedBy: 'owner' }, 'Instance ID is locked'],
  ] as const)('%s of a server that is %j: %s', async (action, state, message) => {
    const { id } = await api.server(state);
    expect(await act(member, id, { [action]: null })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { code: 409, message: message.replace('ID', id) } },
    });
  });

  test('begin in one of two requests at once', async () => {
    const { id } = await api.server();
    const wakes = api.heard.wakes;
    const answers = await Promise.all([act(member, id, { 'os-stop': null }), act(member, id, { 'os-stop': null })]);
    expect([answers.map(({ status }) => status).toSorted(), api.heard.wakes - wakes]).toEqual([[202, 409], 1]);
    expect((await member('GET', `/servers/${id}`)).body.server).toMatchObject({
      'OS-EXT-STS:task_state': 'powering-off',
      status: 'ACTIVE',
    });
    expect((await member('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions).toEqual([
      expect.objectContaining({ action: 'stop', user_id: 'alpha.member' }),
    ]);
  });

  test('are refused when they are none, several, or of a wrong form', async () => {
    const { id } = await api.server();
    const of = async (action: object) => {
      const { status, body } = await act(member, id, action);
      return [status, Object.values<{ message: string }>(body)[0]?.message];
    };
    expect([await of({ dance: null }), await of({}), await of({ 'os-start': null, 'os-stop': null })]).toEqual([
      [400, 'There is no such action: dance'],
      [400, 'Malformed request body'],
      [400, 'Malformed request body'],
    ]);
    expect((await of({ reboot: { type: 'WARM' } }))[0]).toBe(400);
    expect((await act(member, id, { lock: { locked_reason: '' } }, '2.73')).status).toBe(400);
  });

  test('of administrators pass a lock; a lock of theirs is not the owner’s to take off', async () => {
    const { id } = await api.server({ vmState: 'stopped' });
    const shown = async () => (await member('GET', `/servers/${id}`, { version: '2.73' })).body.server;
    expect((await act(member, id, { lock: { locked_reason: 'mine' } }, '2.73')).status).toBe(202);
    expect((await act(member, id, { lock: { locked_reason: 'again' } }, '2.73')).status).toBe(202);
    expect(await shown()).toMatchObject({ locked: true, locked_reason: 'mine' });
    expect((await act(admin, id, { lock: { locked_reason: 'ours' } }, '2.73')).status).toBe(202);
    expect(await shown()).toMatchObject({ locked: true, locked_reason: 'ours' });
    expect([
      (await member('DELETE', `/servers/${id}`)).status,
      (await act(member, id, { unlock: null })).status,
      (await act(admin, id, { 'os-start': null })).status,
      (await act(admin, id, { unlock: null })).status,
    ]).toEqual([409, 403, 202, 202]);
    expect(await shown()).toMatchObject({ locked: false, locked_reason: null });
    const history = (await member('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions as { action: string }[];
    expect(history.map(({ action }) => action)).toEqual(['unlock', 'start', 'lock', 'lock']);
  });

  test('show the console as the host gives it, in as many lines as are asked for', async () => {
    const asked: (number | null)[] = [];
    await api.host('talker', {}, { consoleOutput: ({ lines }) => Promise.resolve({ text: `${asked.push(lines)}` }) });
    const { id } = await api.server({ host: 'talker' });
    const statuses = [
      await act(member, id, { 'os-getConsoleOutput': {} }),
      await act(member, id, { 'os-getConsoleOutput': { length: '5' } }),
      await act(member, id, { 'os-getConsoleOutput': { length: -2 } }),
    ].map(({ status }) => status);
    expect({ statuses, asked }).toEqual({ statuses: [200, 200, 400], asked: [null, 5] });
    const away = await api.server({ host: 'nowhere' });
    expect((await act(member, away.id, { 'os-getConsoleOutput': {} })).status).toBe(409);
  });
});
