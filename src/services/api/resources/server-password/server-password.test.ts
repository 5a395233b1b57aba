import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

test('the password a guest gave is put together and forgotten', async () => {
  const { id } = await api.server({ systemMetadata: { password_1: 'word', password_0: 'pass', other: 'stays' } });
  const ask = (who: string, method: 'GET' | 'DELETE') => api.as(who)(method, `/servers/${id}/os-server-password`);
  expect((await ask('alpha.reader', 'GET')).body).toEqual({ password: 'password' });
  expect([(await ask('alpha.reader', 'DELETE')).status, (await ask('alpha.member', 'DELETE')).status]).toEqual([403, 204]);
  expect((await ask('alpha.reader', 'GET')).body).toEqual({ password: '' });
  const row = await api.stores.defaultCell.database
    .selectFrom('instances')
    .select('system_metadata')
    .where('uuid', '=', id)
    .executeTakeFirstOrThrow();
  expect(row.system_metadata).toEqual({ other: 'stays' });
});
