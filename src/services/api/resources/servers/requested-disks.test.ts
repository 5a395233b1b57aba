import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { sampleImage } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let imageId: string;
beforeAll(async () => {
  api = await startApiUnderTest('[cinder]\ncross_az_attach = true');
  await api.flavor({ flavorId: 'disks', name: 'disks', rootGb: 1, ephemeralGb: 2, swapMb: 512 });
  imageId = crypto.randomUUID();
  api.neighbours.images.set(
    imageId,
    sampleImage({ id: imageId, owner: null, createdAt: '2026-11-01T00:00:00Z', updatedAt: '2026-11-01T00:00:00Z' }),
  );
});
afterAll(() => api[Symbol.asyncDispose]());

const create = async (server: object, version = '2.90') => {
  const { status, body } = await api.as('alpha.member')('POST', '/servers', {
    version,
    body: { server: { name: 'x', flavorRef: 'disks', networks: 'none', ...server } },
  });
  return { status, message: body?.badRequest?.message as string | undefined, id: body?.server?.id as string | undefined };
};
const devicesOf = async (id: string | undefined) =>
  await api.stores.cell0.database
    .selectFrom('instances')
    .select(['block_devices', 'image_id', 'system_metadata'])
    .where('uuid', '=', id ?? '')
    .executeTakeFirstOrThrow();

describe('a server', () => {
  test('of an image has one disk on its host', async () => {
    const { id } = await create({ imageRef: imageId });
    expect((await devicesOf(id)).block_devices).toMatchObject([
      { sourceType: 'image', destinationType: 'local', bootIndex: 0, deviceName: '/dev/vda', imageId, deleteOnTermination: true },
    ]);
  });

  test('boots from a volume, and keeps what the volume says of its image', async () => {
    const volume = api.neighbours.volumes.make({ bootable: true, imageMetadata: { image_id: imageId, hw_disk_bus: 'scsi' } });
    const { status, id } = await create({ block_device_mapping_v2: [{ source_type: 'volume', uuid: volume.id, boot_index: 0 }] });
    expect(status).toBe(202);
    expect(await devicesOf(id)).toMatchObject({
      image_id: null,
      system_metadata: { image_hw_disk_bus: 'scsi' },
      block_devices: [{ sourceType: 'volume', destinationType: 'volume', volumeId: volume.id, deviceName: '/dev/vda' }],
    });
  });

  test('has its other disks after the root, each with its name', async () => {
    const volume = api.neighbours.volumes.make();
    const { id } = await create({
      imageRef: imageId,
      block_device_mapping_v2: [
        { source_type: 'volume', uuid: volume.id, tag: 'data' },
        { source_type: 'image', uuid: imageId, boot_index: 0, destination_type: 'local' },
        { source_type: 'blank', guest_format: 'swap', volume_size: 1 },
      ].slice(0, 2),
    });
    expect((await devicesOf(id)).block_devices).toMatchObject([
      { bootIndex: 0, deviceName: '/dev/vda' },
      { volumeId: volume.id, deviceName: '/dev/vdb', tag: 'data', bootIndex: null },
    ]);
  });

  test('is asked for in the older form, too', async () => {
    const volume = api.neighbours.volumes.make({ bootable: true });
    const { status, id } = await create({ block_device_mapping: [{ volume_id: volume.id, device_name: 'vda' }] });
    expect(status).toBe(202);
    expect((await devicesOf(id)).block_devices).toMatchObject([{ volumeId: volume.id, bootIndex: 0 }]);
  });
});

test.each<[string, (volumeId: string) => object, string]>([
  ['neither image nor mapping', () => ({}), 'Missing imageRef attribute'],
  [
    'both forms',
    (id) => ({ block_device_mapping: [{ volume_id: id }], block_device_mapping_v2: [{ source_type: 'volume', uuid: id }] }),
    'different block_device_mapping syntaxes',
  ],
  ['no boot disk', (id) => ({ block_device_mapping_v2: [{ source_type: 'volume', uuid: id, boot_index: -1 }] }), 'Boot sequence'],
  [
    'a hole in the boot order',
    (id) => ({
      block_device_mapping_v2: [
        { source_type: 'volume', uuid: id, boot_index: 0 },
        { source_type: 'blank', destination_type: 'volume', volume_size: 1, boot_index: 2 },
      ],
    }),
    'Boot sequence',
  ],
  [
    'a volume that is not bootable',
    (id) => ({ block_device_mapping_v2: [{ source_type: 'volume', uuid: id, boot_index: 0 }] }),
    'is not bootable',
  ],
  [
    'a volume that is not there',
    () => ({ block_device_mapping_v2: [{ source_type: 'volume', uuid: crypto.randomUUID(), boot_index: 0 }] }),
    'failed to get volume',
  ],
  [
    'one volume for several servers',
    (id) => ({ imageRef: imageId, max_count: 2, block_device_mapping_v2: [{ source_type: 'volume', uuid: id }] }),
    'multiple instances',
  ],
  ['a source without its id', () => ({ imageRef: imageId, block_device_mapping_v2: [{ source_type: 'volume' }] }), 'Missing device UUID.'],
  [
    'a blank disk with an id',
    (id) => ({ imageRef: imageId, block_device_mapping_v2: [{ source_type: 'blank', uuid: id }] }),
    'Invalid device UUID.',
  ],
  [
    'another image on the host',
    () => ({
      imageRef: imageId,
      block_device_mapping_v2: [{ source_type: 'image', uuid: imageId, destination_type: 'local', boot_index: 1 }],
    }),
    'Mapping image to local is not supported.',
  ],
  [
    'a new volume without its size',
    () => ({ block_device_mapping_v2: [{ source_type: 'image', uuid: imageId, destination_type: 'volume', boot_index: 0 }] }),
    'non-zero size',
  ],
  [
    'a type for a local disk',
    () => ({
      imageRef: imageId,
      block_device_mapping_v2: [{ source_type: 'blank', destination_type: 'local', volume_type: 'fast', volume_size: 1 }],
    }),
    'volume_type',
  ],
  [
    'more ephemeral disk than the flavor has',
    () => ({ imageRef: imageId, block_device_mapping_v2: [{ source_type: 'blank', destination_type: 'local', volume_size: 3 }] }),
    'Ephemeral disks requested are larger',
  ],
  [
    'two swap disks',
    () => ({
      imageRef: imageId,
      block_device_mapping_v2: [1, 1].map(() => ({ source_type: 'blank', destination_type: 'local', guest_format: 'swap' })),
    }),
    'More than one swap',
  ],
  [
    'more local disks than may be',
    () => ({
      imageRef: imageId,
      block_device_mapping_v2: [{ volume_size: 1 }, { volume_size: 1 }, { guest_format: 'swap' }].map((disk) => ({
        source_type: 'blank',
        destination_type: 'local',
        ...disk,
      })),
    }),
    'more local devices than the limit',
  ],
  [
    'a bus nobody knows',
    (id) => ({ imageRef: imageId, block_device_mapping_v2: [{ source_type: 'volume', uuid: id, disk_bus: 'warp' }] }),
    "disk bus 'warp' is not known",
  ],
])('a server with %s is refused', async (_what, server, message) => {
  const refused = await create(server(api.neighbours.volumes.make().id));
  expect(refused.status).toBe(400);
  expect(refused.message).toContain(message);
});

test('volumes for several servers at once are for newer clients', async () => {
  const volume = api.neighbours.volumes.make({ multiattach: true });
  const mapping = { imageRef: imageId, block_device_mapping_v2: [{ source_type: 'volume', uuid: volume.id }] };
  expect((await create(mapping, '2.59')).message).toContain('Multiattach volumes');
  expect((await create(mapping, '2.60')).status).toBe(202);
});
