import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { isUuid } from '../../lib/ids.ts';
import { storageDaemon } from './backends/storage-daemon.ts';

/** Ends what still serves volumes of this directory, though the service is gone; answers how many there were. */
export async function stopDaemons(directory: string): Promise<number> {
  const run = join(directory, 'run');
  const served = (await readdir(run).catch((): string[] => [])).flatMap((name) => /^(.+)\.pid$/.exec(name)?.[1] ?? []).filter(isUuid);
  for (const volumeId of served) await storageDaemon(volumeId, { directory: run, listen: '', tlsDirectory: '', clock: systemClock }).stop();
  return served.length;
}
