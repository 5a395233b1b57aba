import type { Export } from './backends/backend.ts';
import type { VolumeDeps } from './deps.ts';
import { isConnected } from './records.ts';
import { findVolume } from './store/volumes.ts';

/** The exports a volume must have at this moment: one for each attachment that has been told where it is. */
export async function exportsOf({ database }: Pick<VolumeDeps, 'database'>, volumeId: string): Promise<readonly Export[]> {
  const volume = await findVolume(database, volumeId);
  return (volume?.attachments ?? [])
    .filter((attachment) => isConnected(attachment) && (attachment.status === 'attaching' || attachment.status === 'attached'))
    .map(({ id, mode }) => ({ id, mode: mode ?? 'rw' }));
}
