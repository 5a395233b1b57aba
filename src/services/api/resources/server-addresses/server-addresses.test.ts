import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vif } from '../../../../domain/network-info.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { sampleSubnet, sampleVif } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const subnet = sampleSubnet({ id: 'subnet-1', addresses: [{ address: '10.0.0.5', floating: ['203.0.113.9'] }] });
const vif = (changes: Partial<Vif>): Vif =>
  sampleVif({
    portId: crypto.randomUUID(),
    networkId: 'network-1',
    networkLabel: 'private',
    mtu: null,
    subnets: [subnet],
    ...changes,
  });

test('addresses are listed by network, without what the server itself shows of them', async () => {
  const [first, second] = [
    vif({}),
    vif({ networkLabel: 'other', subnets: [{ ...subnet, version: 6, addresses: [{ address: 'fd00::5', floating: [] }] }] }),
  ];
  const { id } = await api.server({ networkInfo: [first, second] });
  const get = async (path: string) => {
    const { status, body } = await api.as('alpha.reader')('GET', `/servers/${id}${path}`);
    return status === 200 ? body : status;
  };
  const ofPrivate = [
    { version: 4, addr: '10.0.0.5' },
    { version: 4, addr: '203.0.113.9' },
  ];
  expect(await get('/ips')).toEqual({ addresses: { private: ofPrivate, other: [{ version: 6, addr: 'fd00::5' }] } });
  expect([await get('/ips/private'), await get('/ips/none'), await get('/ips/toString')]).toEqual([{ private: ofPrivate }, 404, 404]);
});
