import { readSettings, type Settings } from '../../../config/index.ts';
import type { InstanceFlavor, InstanceImage } from '../../../domain/instance.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import type { Aggregate } from '../../../store/aggregates.ts';
import { sampleFlavor, sampleInstanceImage, sampleSpec } from '../../../../test/support/samples.ts';

/** Settings as these lines of a `nova.conf` make them. */
export const settingsOf = (...lines: readonly string[]): Settings => readSettings(lines.join('\n')).settings;

export const flavorOf = (extraSpecs: Readonly<Record<string, string>> = {}, changes: Partial<InstanceFlavor> = {}): InstanceFlavor =>
  sampleFlavor({ flavorId: '2', name: 'm1.small', vcpus: 2, memoryMb: 2048, rootGb: 20, extraSpecs, ...changes });

export const imageOf = (properties: Readonly<Record<string, string>> = {}, changes: Partial<InstanceImage> = {}): InstanceImage =>
  sampleInstanceImage({ id: '70a599e0-31e7-49b7-b260-868f441e862b', name: 'cirros', properties, ...changes });

/** A request for one small server. */
export const requestSpec = (changes: Partial<RequestSpec> = {}): RequestSpec =>
  sampleSpec({ projectId: 'project-1', userId: 'user-1', flavor: flavorOf(), image: imageOf(), requestedNetworks: 'auto', ...changes });

export const aggregateOf = (uuid: string, metadata: Readonly<Record<string, string>>, hosts: readonly string[] = []): Aggregate => ({
  id: 1,
  uuid,
  name: uuid,
  metadata,
  hosts,
  createdAt: '2026-11-21T00:00:00.000Z',
  updatedAt: null,
});
