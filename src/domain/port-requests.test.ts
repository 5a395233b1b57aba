import { expect, test } from 'vitest';
import { portNeeds } from './port-requests.ts';

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
