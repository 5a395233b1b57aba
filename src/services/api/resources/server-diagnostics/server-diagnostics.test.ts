import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuestDiagnostics } from '../../../../domain/guest-diagnostics.ts';
import { conflict } from '../../../../lib/errors.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
const traffic = { octets: 10, packets: 2, errors: 1, dropped: 0 };
const guest: GuestDiagnostics = {
  powerState: 1,
  driver: 'libvirt',
  hypervisor: 'kvm',
  hypervisorOs: 'linux',
  cpus: [{ id: 0, timeNs: 17 }],
  interfaces: [{ macAddress: 'fa:16:3e:00:00:01', device: 'tap1', received: traffic, sent: null }],
  disks: [{ name: 'vda', readBytes: 1, readRequests: 2, writeBytes: 3, writeRequests: 4, errors: null }],
  memory: { maximumKib: 524_288, usedKib: 262_144, told: { actual: 262_144 } },
};
let answer: () => Promise<GuestDiagnostics>;

beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  answer = () => Promise.resolve(guest);
  await api.host('host-1', {}, { diagnostics: () => answer() });
});
afterAll(() => api[Symbol.asyncDispose]());

const diagnose = async (changes: Parameters<ApiUnderTest['server']>[0] = {}, version = '2.48') =>
  admin('GET', `/servers/${(await api.server(changes)).id}/diagnostics`, { version });

test('diagnostics are the same keys for every hypervisor since 2.48', async () => {
  const { status, body } = await diagnose({ configDrive: true });
  const sent = { tx_octets: null, tx_errors: null, tx_drop: null, tx_packets: null, tx_rate: null };
  expect([status, body]).toEqual([
    200,
    {
      state: 'running',
      driver: 'libvirt',
      hypervisor: 'kvm',
      hypervisor_os: 'linux',
      uptime: expect.any(Number),
      config_drive: true,
      num_cpus: 1,
      num_nics: 1,
      num_disks: 1,
      cpu_details: [{ id: 0, time: 17, utilisation: null }],
      nic_details: [{ mac_address: 'fa:16:3e:00:00:01', rx_octets: 10, rx_errors: 1, rx_drop: 0, rx_packets: 2, rx_rate: null, ...sent }],
      disk_details: [{ read_bytes: 1, read_requests: 2, write_bytes: 3, write_requests: 4, errors_count: null }],
      memory_details: { maximum: 512, used: 256 },
    },
  ]);
});

test('and a flat map with names of devices before', async () => {
  expect((await diagnose({}, '2.47')).body).toEqual({
    cpu0_time: 17,
    vda_read_req: 2,
    vda_read: 1,
    vda_write_req: 4,
    vda_write: 3,
    vda_errors: -1,
    tap1_rx: 10,
    tap1_rx_packets: 2,
    tap1_rx_errors: 1,
    tap1_rx_drop: 0,
    memory: 524_288,
    'memory-actual': 262_144,
  });
});

test('a server without host, without a running guest or without an answering host has none', async () => {
  const statuses = [(await diagnose({ host: null })).status, (await diagnose({ host: 'silent' })).status];
  answer = () => Promise.reject(conflict('The guest does not run.'));
  expect([...statuses, (await diagnose()).status]).toEqual([409, 409, 409]);
});
