import { expect, test } from 'vitest';
import { readSettings } from '../../config/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { composeHost, type ComputeHost } from './compute-host.ts';
import { fakeHypervisors } from './drivers/fake/hypervisors.ts';
import { refuseForgettingPci, resourceReport } from './reconcilers/resource-report.ts';
import { world } from './test-support/world.ts';

const node = { uuid: '0a0a0a0a-0000-4000-8000-000000000001', name: 'host' };
const reporting = ['report_in_placement = true', 'alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4"}'];

/** A host with a PCI device on each of two NUMA nodes, and these lines about them. */
async function hostWith(...lines: readonly string[]) {
  const around = await world();
  const make = (...pci: readonly string[]): ComputeHost => {
    const { settings } = readSettings(['[kilonova]', 'fake_numa_nodes = 2', 'fake_pci_devices = 1', '[pci]', ...pci].join('\n'));
    return composeHost({
      host: 'host',
      node,
      settings,
      driver: fakeHypervisors({ clock: systemClock, settings, statePath: null }).driver('host'),
      conductor: { nodesReported: () => Promise.resolve() } as never,
      clients: around.clients,
      identity: around.identity,
      clock: systemClock,
      log: silentLog,
      images: null,
    });
  };
  const report = (host: ComputeHost) => resourceReport(host, { readEvery: 1 })();
  const cards = () =>
    [...around.providers.values()].flatMap(({ name, inventories, traits }) =>
      name === node.name
        ? []
        : [
            {
              name,
              traits,
              ...Object.fromEntries(Object.entries(inventories).map(([key, { total, reserved }]) => [key, [total, reserved]])),
            },
          ],
    );
  return { host: make(...lines), make, report, cards };
}
const order = (instanceId: string) =>
  ({ instanceId, flavor: { vcpus: 1, memoryMb: 512, extraSpecs: { 'pci_passthrough:alias': 'gpu' } }, imageProperties: {} }) as unknown as Parameters<ComputeHost['holdings']['claim']>[0]; // prettier-ignore

test('devices are providers below the node; those that are gone go', async () => {
  const { host, make, report, cards } = await hostWith('device_spec = {"vendor_id": "10de", "traits": "big"}', ...reporting);
  await report(host);
  const traits = ['COMPUTE_MANAGED_PCI_DEVICE', 'CUSTOM_BIG', 'OWNER_NOVA'];
  expect(cards()).toEqual([
    { name: 'host_0000:81:00.0', traits, CUSTOM_PCI_10DE_1DB4: [1, 0] },
    { name: 'host_0000:82:00.0', traits, CUSTOM_PCI_10DE_1DB4: [1, 0] },
  ]);
  await report(make('device_spec = {"address": "0000:82:00.0"}', ...reporting));
  expect(cards().map(({ name }) => name)).toEqual(['host_0000:82:00.0']);
});

test('a device that may be given once is taken for good until its operator has cleaned it', async () => {
  const once = ['device_spec = {"address": "0000:81:00.0", "one_time_use": "true"}', ...reporting];
  const { host, make, report, cards } = await hostWith(...once);
  await report(host);
  expect(cards()).toMatchObject([{ CUSTOM_PCI_10DE_1DB4: [1, 0] }]);
  await host.holdings.claim(order('a'));
  await report(host);
  host.holdings.release('a');
  await report(make(...once));
  expect(cards()).toMatchObject([{ traits: expect.arrayContaining(['HW_PCI_ONE_TIME_USE']), CUSTOM_PCI_10DE_1DB4: [1, 1] }]);
});

test('what was reported once cannot be forgotten', async () => {
  const { host, make, report } = await hostWith('device_spec = {"vendor_id": "10de"}', ...reporting);
  await refuseForgettingPci(make());
  await report(host);
  await refuseForgettingPci(host);
  await expect(refuseForgettingPci(make())).rejects.toThrow('cannot be turned off again');
});
