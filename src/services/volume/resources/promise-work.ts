import { invalid } from '../../../lib/errors.ts';
import { nowOf, type VolumeDeps } from '../deps.ts';
import type { VolumeRecord } from '../records.ts';
import { insertTask } from '../store/tasks.ts';
import { lockVolume, updateVolume, type VolumeChanges } from '../store/volumes.ts';
import type { VolumeExecutor } from '../tables.ts';
import type { TaskKind } from '../tasks/task.ts';

/** The refusal of a volume that is in another status than the work begins in. */
export const wrongStatus = (volume: VolumeRecord, what: string, wanted: readonly string[]) =>
  invalid(`Invalid volume: Volume ${volume.id} status must be ${wanted.join(' or ')} to ${what}, but current status is: ${volume.status}.`);

/** Changes the volume while nobody else does; what it throws changes nothing. */
export const changing = (
  { database }: VolumeDeps,
  { id }: VolumeRecord,
  change: (tx: VolumeExecutor, volume: VolumeRecord) => Promise<void>,
): Promise<void> => database.transaction().execute(async (tx) => change(tx, await lockVolume(tx, id)));

/** Moves the volume into a passing status and promises the work that ends it. */
export async function promiseWork(
  tx: VolumeExecutor,
  deps: VolumeDeps,
  volume: VolumeRecord,
  change: VolumeChanges,
  kind: TaskKind,
  params: Readonly<Record<string, unknown>>,
): Promise<void> {
  await updateVolume(tx, volume.id, { ...change, previousStatus: volume.status }, nowOf(deps));
  await insertTask(tx, kind, volume.id, params, nowOf(deps));
}
