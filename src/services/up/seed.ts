import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Session } from '../../clients/session.ts';
import { createFlavor, listFlavors } from '../../store/flavors.ts';
import { isKind } from '../../lib/errors.ts';
import type { Cloud } from './cloud.ts';

/** The flavors every tutorial speaks of. MiB of memory, GiB of disk. */
const flavors = [
  { id: '1', name: 'm1.tiny', vcpus: 1, memoryMb: 512, rootGb: 1 },
  { id: '2', name: 'm1.small', vcpus: 1, memoryMb: 2048, rootGb: 20 },
  { id: '3', name: 'm1.medium', vcpus: 2, memoryMb: 4096, rootGb: 40 },
  { id: '4', name: 'm1.large', vcpus: 4, memoryMb: 8192, rootGb: 80 },
  { id: '5', name: 'm1.xlarge', vcpus: 8, memoryMb: 16_384, rootGb: 160 },
] as const;

export const seedImageName = 'tiny';

/** Makes the flavors a new cloud begins with; one whose name is taken stays as its owner has it. */
export async function seedFlavors(cloud: Cloud): Promise<void> {
  const known = await listFlavors(
    cloud.stores.api,
    { isPublic: null, minRam: null, minDisk: null, sort: { column: 'id', direction: 'asc' }, limit: null, after: null },
    { projectId: null, isAdmin: true },
  );
  if ((known ?? []).length > 0) return; // the operator's own choice, even of having fewer
  for (const { id, name, vcpus, memoryMb, rootGb } of flavors) {
    await createFlavor(cloud.stores.api, {
      flavorId: id,
      name,
      vcpus,
      memoryMb,
      rootGb,
      ephemeralGb: 0,
      swapMb: 0,
      rxtxFactor: 1,
      disabled: false,
      isPublic: true,
      extraSpecs: {},
      description: null,
    }).catch((error: unknown) => {
      if (!isKind(error, 'conflict')) throw error; // a start at the same time was faster
    });
  }
}

/** Registers the test image, once; `make` answers the file to upload, and is asked only when the image is not there. */
export async function seedImage(cloud: Cloud, admin: Session, make: () => Promise<SeedImage>): Promise<string> {
  const known = await cloud.image.list(admin, { name: seedImageName, status: 'active' });
  if (known[0] !== undefined) return known[0].id;
  const { data, diskFormat, properties } = await make();
  const image = await cloud.image.create(admin, {
    name: seedImageName,
    diskFormat,
    containerFormat: 'bare',
    visibility: 'public',
    properties,
  });
  await cloud.image.upload(admin, image.id, data);
  return image.id;
}

export interface SeedImage {
  readonly data: Readable;
  readonly diskFormat: string;
  readonly properties: Readonly<Record<string, string>>;
}

/** The file of a guest image that boots. */
export const imageFile = (path: string): SeedImage => ({
  data: createReadStream(path),
  diskFormat: 'qcow2',
  properties: { os_distro: 'debian', hw_qemu_guest_agent: 'yes' },
});

/** What stands for an image where hypervisors only pretend: a megabyte of nothing, as a raw disk. */
export const blankImage = (): SeedImage => ({ data: Readable.from([Buffer.alloc(1024 ** 2)]), diskFormat: 'raw', properties: {} });
