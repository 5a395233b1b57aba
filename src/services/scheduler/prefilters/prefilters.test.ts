import { describe, expect, test } from 'vitest';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import type { Aggregate } from '../../../store/aggregates.ts';
import { aggregateOf, flavorOf, imageOf, requestSpec, settingsOf } from '../test-support/request.ts';
import { hostConditions, prefilters } from './index.ts';

interface Given {
  readonly conf?: readonly string[];
  readonly aggregates?: readonly Aggregate[];
  readonly traits?: readonly string[];
}
/** What one pre-filter alone asks. */
function asked(name: string, spec: Partial<RequestSpec>, { conf = [], aggregates = [], traits = [] }: Given = {}) {
  const conditions = { rootRequired: new Set<string>(), rootForbidden: new Set<string>(), memberOf: [], notMemberOf: new Set<string>() };
  const prefilter = prefilters.find((one) => one.name === name)!;
  const refusal = prefilter.apply(
    { spec: requestSpec(spec), settings: settingsOf('[scheduler]', ...conf), aggregates, requiredTraits: new Set(traits) },
    conditions,
  );
  return (
    refusal ?? [...conditions.rootRequired, ...[...conditions.rootForbidden].map((trait) => `!${trait}`), ...conditions.memberOf.map((list: string[]) => `in:${list.join(',')}`), ...[...conditions.notMemberOf].map((uuid) => `!in:${uuid}`)]
  ); // prettier-ignore
}
const specs = (extraSpecs: Record<string, string>, properties: Record<string, string> = {}) => ({
  flavor: flavorOf(extraSpecs),
  image: imageOf(properties),
});

test('they are applied in Nova’s order', () => {
  expect(prefilters.map(({ name }) => name)).toEqual([
    'require_tenant_aggregate', 'map_az_to_placement_aggregate', 'require_image_type_support', 'compute_status_filter', 'isolate_aggregates',
    'transform_image_metadata', 'accelerators_filter', 'packed_virtqueue_filter', 'routed_networks_filter', 'remote_managed_ports_filter',
    'ephemeral_encryption_filter', 'virtio_sound_filter', 'tpm_secret_security_filter', 'owner_nova_filter',
  ]); // prettier-ignore
  const context = { spec: requestSpec(), settings: settingsOf(), aggregates: [], requiredTraits: new Set<string>() };
  expect(hostConditions(context)).toMatchObject({
    rootRequired: new Set(['OWNER_NOVA']),
    rootForbidden: new Set(['COMPUTE_STATUS_DISABLED']),
  });
});

describe('require_tenant_aggregate', () => {
  const aggregates = [
    aggregateOf('A', { filter_tenant_id: 'project-1' }),
    aggregateOf('B', { filter_tenant_id7: 'project-1' }),
    aggregateOf('C', { filter_tenant_id: 'project-2' }),
  ];
  const on = 'limit_tenants_to_placement_aggregate = true';
  test('is off', () => expect(asked('require_tenant_aggregate', {}, { aggregates })).toEqual([]));
  test('keeps a project to its aggregates', () =>
    expect(asked('require_tenant_aggregate', {}, { aggregates, conf: [on] })).toEqual(['in:A,B']));
  test('lets projects without any go anywhere, unless one is required', () => {
    expect(asked('require_tenant_aggregate', { projectId: 'p9' }, { aggregates, conf: [on] })).toEqual([]);
    expect(
      asked('require_tenant_aggregate', { projectId: 'p9' }, { aggregates, conf: [on, 'placement_aggregate_required_for_tenants = true'] }),
    ).toBe('No hosts available for tenant p9');
  });
});

test('map_az_to_placement_aggregate keeps to the zone; one without aggregates narrows nothing', () => {
  const aggregates = [
    aggregateOf('A', { availability_zone: 'az1' }),
    aggregateOf('B', { availability_zone: 'az2' }),
    aggregateOf('C', { availability_zone: 'az1' }),
  ];
  expect(asked('map_az_to_placement_aggregate', { availabilityZone: 'az1' }, { aggregates })).toEqual(['in:A,C']);
  expect(asked('map_az_to_placement_aggregate', { availabilityZone: 'nova' }, { aggregates })).toEqual([]);
  expect(asked('map_az_to_placement_aggregate', {}, { aggregates })).toEqual([]);
});

test('require_image_type_support asks for the disk format, where it is on and known', () => {
  const conf = ['query_placement_for_image_type_support = true'];
  expect(asked('require_image_type_support', {})).toEqual([]);
  expect(asked('require_image_type_support', {}, { conf })).toEqual(['COMPUTE_IMAGE_TYPE_QCOW2']);
  expect(asked('require_image_type_support', { isBootedFromVolume: true }, { conf })).toEqual([]);
  expect(asked('require_image_type_support', { image: imageOf({}, { diskFormat: 'odd' }) }, { conf })).toEqual([]);
});

test('compute_status_filter never takes disabled hosts', () =>
  expect(asked('compute_status_filter', {})).toEqual(['!COMPUTE_STATUS_DISABLED']));

test('isolate_aggregates keeps out of aggregates whose traits the request does not all have', () => {
  const aggregates = [
    aggregateOf('A', { 'trait:CUSTOM_A': 'required', 'trait:CUSTOM_B': 'required' }),
    aggregateOf('B', { 'trait:CUSTOM_A': 'required' }),
    aggregateOf('C', { 'trait:CUSTOM_C': 'wished' }),
  ];
  const conf = ['enable_isolated_aggregate_filtering = true'];
  expect(asked('isolate_aggregates', {}, { aggregates })).toEqual([]);
  expect(asked('isolate_aggregates', {}, { aggregates, conf })).toEqual(['!in:A', '!in:B']);
  expect(asked('isolate_aggregates', {}, { aggregates, conf, traits: ['CUSTOM_A'] })).toEqual(['!in:A']);
});

describe('transform_image_metadata', () => {
  const conf = ['image_metadata_prefilter = true'];
  const properties = {
    hw_cdrom_bus: 'sata', hw_disk_bus: 'scsi', hw_video_model: 'virtio', hw_vif_model: 'e1000', hw_architecture: 'x86_64',
    hw_emulation_architecture: 'aarch64', hw_viommu_model: 'virtio',
  }; // prettier-ignore
  test('is off', () => expect(asked('transform_image_metadata', specs({}, properties))).toEqual([]));
  test('asks for what the image names', () => {
    expect(asked('transform_image_metadata', specs({}, properties), { conf })).toEqual([
      'COMPUTE_STORAGE_BUS_SATA', 'COMPUTE_STORAGE_BUS_SCSI', 'COMPUTE_GRAPHICS_MODEL_VIRTIO', 'COMPUTE_NET_VIF_MODEL_E1000', 'HW_ARCH_X86_64',
      'COMPUTE_ARCH_AARCH64', 'COMPUTE_VIOMMU_MODEL_VIRTIO',
    ]); // prettier-ignore
  });
  test('asks for nothing when one of them is not known', () =>
    expect(asked('transform_image_metadata', specs({}, { ...properties, hw_disk_bus: 'odd' }), { conf })).toEqual([]));
});

test.each<[string, Partial<RequestSpec>, readonly string[]]>([
  ['accelerators_filter', specs({ 'accel:device_profile': 'fpga' }), ['COMPUTE_ACCELERATORS']],
  ['packed_virtqueue_filter', specs({ 'hw:virtio_packed_ring': 'true' }), ['COMPUTE_NET_VIRTIO_PACKED']],
  ['packed_virtqueue_filter', specs({}, { hw_virtio_packed_ring: 'yes' }), ['COMPUTE_NET_VIRTIO_PACKED']],
  ['remote_managed_ports_filter', { remoteManagedPorts: true }, ['COMPUTE_REMOTE_MANAGED_PORTS']],
  ['ephemeral_encryption_filter', specs({ 'hw:ephemeral_encryption': 'true' }), ['COMPUTE_EPHEMERAL_ENCRYPTION']],
  [
    'ephemeral_encryption_filter',
    specs({}, { hw_ephemeral_encryption: 'true', hw_ephemeral_encryption_format: 'luks' }),
    ['COMPUTE_EPHEMERAL_ENCRYPTION', 'COMPUTE_EPHEMERAL_ENCRYPTION_LUKS'],
  ],
  ['virtio_sound_filter', specs({ 'hw:sound_model': 'virtio' }), ['COMPUTE_SOUND_MODEL_VIRTIO']],
  ['tpm_secret_security_filter', specs({ 'hw:tpm_version': '2.0' }), ['COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER']],
  [
    'tpm_secret_security_filter',
    specs({ 'hw:tpm_version': '2.0', 'hw:tpm_secret_security': 'deployment' }),
    ['COMPUTE_SECURITY_TPM_SECRET_SECURITY_DEPLOYMENT'],
  ],
  ['owner_nova_filter', {}, ['OWNER_NOVA']],
])('%s asks for %o', (name, spec, expected) => {
  expect(asked(name, spec)).toEqual(expected);
  if (name !== 'owner_nova_filter') expect(asked(name, {})).toEqual([]);
});

test('routed_networks_filter keeps to the segments of each network, where it is on', () => {
  const conf = ['query_placement_for_routed_network_aggregates = true'];
  const spec = { segmentAggregates: [['S1', 'S2'], ['S3']] };
  expect(asked('routed_networks_filter', spec)).toEqual([]);
  expect(asked('routed_networks_filter', spec, { conf })).toEqual(['in:S1,S2', 'in:S3']);
  expect(asked('routed_networks_filter', { segmentAggregates: [null] }, { conf })).toBe('Failed to find aggregate related to segment');
});
