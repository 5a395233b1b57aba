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

test('interfaces are listed and shown, with their tags since 2.70', async () => {
  const [first, second] = [vif({ tag: 'front' }), vif({ active: false, subnets: [] })];
  const { id } = await api.server({ networkInfo: [first, second] });
  const get = async (path: string, version: string) => {
    const { status, body } = await api.as('alpha.reader')('GET', `/servers/${id}/os-interface${path}`, { version });
    return status === 200 ? body : status;
  };
  const shown = {
    net_id: 'network-1',
    port_id: first.portId,
    mac_addr: first.macAddress,
    port_state: 'ACTIVE',
    fixed_ips: [{ ip_address: '10.0.0.5', subnet_id: 'subnet-1' }],
  };
  expect(await get('', '2.69')).toEqual({
    interfaceAttachments: [
      shown,
      { net_id: 'network-1', port_id: second.portId, mac_addr: second.macAddress, port_state: 'DOWN', fixed_ips: [] },
    ],
  });
  expect(await get(`/${first.portId}`, '2.70')).toEqual({ interfaceAttachment: { ...shown, tag: 'front' } });
  expect(await get(`/${crypto.randomUUID()}`, '2.70')).toBe(404);
});
