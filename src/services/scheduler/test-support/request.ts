import { readSettings, type Settings } from '../../../config/index.ts';
import type { InstanceFlavor, InstanceImage } from '../../../domain/instance.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import type { Aggregate } from '../../../store/aggregates.ts';

/** Settings as these lines of a `nova.conf` make them. */
export const settingsOf = (...lines: readonly string[]): Settings => readSettings(lines.join('\n')).settings;

export const flavorOf = (extraSpecs: Readonly<Record<string, string>> = {}, changes: Partial<InstanceFlavor> = {}): InstanceFlavor => ({
  flavorId: '2',
  name: 'm1.small',
  vcpus: 2,
  memoryMb: 2048,
  rootGb: 20,
  ephemeralGb: 0,
  swapMb: 0,
  rxtxFactor: 1,
  disabled: false,
  isPublic: true,
  extraSpecs,
  ...changes,
});

export const imageOf = (properties: Readonly<Record<string, string>> = {}, changes: Partial<InstanceImage> = {}): InstanceImage => ({
  id: '70a599e0-31e7-49b7-b260-868f441e862b',
  name: 'cirros',
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  minDisk: 0,
  minRam: 0,
  size: 1,
  checksum: null,
  properties,
  ...changes,
});

/** A request for one small server. */
export const requestSpec = (changes: Partial<RequestSpec> = {}): RequestSpec => ({
  projectId: 'project-1',
  userId: 'user-1',
  flavor: flavorOf(),
  image: imageOf(),
  isBootedFromVolume: false,
  availabilityZone: null,
  forceHost: null,
  forceNode: null,
  requestedHost: null,
  requestedNode: null,
  ignoreHosts: [],
  schedulerHints: {},
  groupId: null,
  requestedNetworks: 'auto',
  securityGroups: [],
  ...changes,
});

export const aggregateOf = (uuid: string, metadata: Readonly<Record<string, string>>, hosts: readonly string[] = []): Aggregate => ({
  id: 1,
  uuid,
  name: uuid,
  metadata,
  hosts,
  createdAt: '2026-11-21T00:00:00.000Z',
  updatedAt: null,
});
