import { expect, test } from 'vitest';
import { portAllocation, portNeeds } from './port-requests.ts';

const normal = { binding: { vnicType: 'normal' } };

test('a port asks for itself, or by the groups the network service names', () => {
  const bandwidth = { NET_BW_EGR_KILOBIT_PER_SEC: 1000 };
  const packets = { NET_PACKET_RATE_KILOPACKET_PER_SEC: 10 };
  expect(
    portNeeds([
      { id: 'p1', ...normal },
      { id: 'p2', ...normal, resourceRequest: { resources: bandwidth, required: ['CUSTOM_PHYSNET_P1'] } },
      {
        id: 'p3',
        ...normal,
        resourceRequest: {
          groups: [
            { id: 'g1', resources: bandwidth, required: [] },
            { id: 'g2', resources: packets, required: [] },
          ],
          sameSubtree: ['g1', 'g2'],
        },
      },
    ]),
  ).toEqual({
    requestGroups: [
      { requesterId: 'p2', from: 'port', resources: bandwidth, required: ['CUSTOM_PHYSNET_P1'], forbidden: [] },
      { requesterId: 'g1', from: 'port', resources: bandwidth, required: [], forbidden: [] },
      { requesterId: 'g2', from: 'port', resources: packets, required: [], forbidden: [] },
    ],
    sameSubtree: [['g1', 'g2']],
    remoteManagedPorts: false,
  });
});

test('a port on a network card that manages itself needs such a host', () => {
  expect(portNeeds([{ id: 'p1', binding: { vnicType: 'remote-managed' } }]).remoteManagedPorts).toBe(true);
});

test('the network service is told which provider serves which port', () => {
  const providers = { p1: ['rp-1'], g1: ['rp-2'], g2: ['rp-3'] };
  const groups = ['g1', 'g2', 'g9'].map((id) => ({ id, resources: {}, required: [] }));
  expect(portAllocation({ id: 'p1', resourceRequest: { resources: {}, required: [] } }, providers)).toBe('rp-1');
  expect(portAllocation({ id: 'p2', resourceRequest: { groups, sameSubtree: [] } }, providers)).toEqual({ g1: 'rp-2', g2: 'rp-3' });
  expect([
    portAllocation({ id: 'p1' }, providers),
    portAllocation({ id: 'p9', resourceRequest: { resources: {}, required: [] } }, providers),
  ]).toEqual([null, null]);
});
