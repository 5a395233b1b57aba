import { powerStates, type BlockDevice, type InstanceId } from '../../src/domain/instance.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { host, type leftoversOf, type World } from './world.ts';

export type Leftovers = Awaited<ReturnType<typeof leftoversOf>>;

/** How a saga is begun, and the only ways it may leave its instance. */
export interface Subject {
  readonly begin: (world: World) => Promise<InstanceId>;
  readonly done: Leftovers;
  /** Where it may end when it fails; one of them. */
  readonly undone: readonly Leftovers[];
}

/** Nothing is left of an instance. */
export const nothing = {
  guest: null,
  allocated: false,
  ports: 0,
  attached: [],
  volumes: 0,
  snapshots: 0,
  images: [],
  sagas: 0,
  taskState: null,
  beside: [],
} as const;
/** An instance that runs, with all it needs and nothing more. */
export const whole = {
  guest: powerStates.running,
  allocated: true,
  ports: 1,
  attached: [],
  volumes: 0,
  snapshots: 0,
  images: [],
  sagas: 0,
  taskState: null,
  beside: [],
} as const;

/** A device of a server that is a volume. */
export const volumeDevice = (changes: Partial<BlockDevice>): BlockDevice => ({
  uuid: randomIds.uuid(),
  sourceType: 'volume',
  destinationType: 'volume',
  bootIndex: null,
  deviceType: null,
  diskBus: null,
  deviceName: '/dev/vdb',
  guestFormat: null,
  volumeSize: null,
  imageId: null,
  volumeId: null,
  snapshotId: null,
  volumeType: null,
  deleteOnTermination: false,
  tag: null,
  attachmentId: null,
  ...changes,
});

/** A server to be that has volumes, connected to that host: one for each of these changes of a device. */
export function withVolumes(
  world: World,
  devices: readonly (Partial<BlockDevice> & { readonly status?: 'in-use' | 'detaching' })[],
  at: string | null = host,
): { readonly id: InstanceId; readonly blockDevices: readonly BlockDevice[] } {
  const id = randomIds.uuid() as InstanceId;
  const blockDevices = devices.map(({ status = 'in-use', ...changes }) => {
    const volume = world.volumes.make({ status, size: 2 });
    const attachment = world.volumes.attach(volume.id, id, at ?? undefined);
    return volumeDevice({ volumeId: volume.id, attachmentId: attachment.id, ...changes });
  });
  return { id, blockDevices };
}
