import { expect, test } from 'vitest';
import { readSettings } from '../../../../config/index.ts';
import { refuseLayout, refuseOtherLayout } from './refuse-layout.ts';
import { sampleFlavor } from '../../../../../test/support/samples.ts';

const { settings } = readSettings('[pci]\nalias = {"name": "gpu", "vendor_id": "10de"}');
const flavor = (extraSpecs: Record<string, string>) => sampleFlavor({ name: 'f', vcpus: 2, extraSpecs });

test('wishes that contradict themselves, or name devices nobody knows, are refused', () => {
  const judged =
    (extraSpecs: Record<string, string>, properties: Record<string, string> = {}) =>
    () =>
      refuseLayout({ settings }, flavor(extraSpecs), { properties });
  expect(judged({ 'hw:numa_nodes': '2', 'pci_passthrough:alias': 'gpu:2' })).not.toThrow();
  expect(judged({ 'hw:numa_nodes': '3' })).toThrow('cannot be evenly distributed');
  expect(judged({ 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'dedicated' })).toThrow('not permitted to override');
  expect(judged({ 'pci_passthrough:alias': 'tpu' })).toThrow('PCI alias tpu is not defined');
});

test('a server keeps its layout when it gets another image', () => {
  const judged = (before: Record<string, string>, after: Record<string, string>) => () =>
    refuseOtherLayout(flavor({}), { properties: before }, { properties: after });
  expect(judged({}, { hw_disk_bus: 'ide' })).not.toThrow();
  expect(judged({}, { hw_numa_nodes: '2' })).toThrow('cannot be changed as part of a rebuild');
});
