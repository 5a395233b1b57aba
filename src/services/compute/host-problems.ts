import { statfs } from 'node:fs/promises';
import type { ComputeHost } from './compute-host.ts';

/** Asks a host why no guest should be placed on it: what its driver lacks, and a disk that is full. Empty when all is well. */
export function hostProblems({
  driver,
  settings,
  log,
}: Pick<ComputeHost, 'driver' | 'settings' | 'log'>): () => Promise<readonly string[]> {
  const isFull = diskJudge(settings.kilonova.least_free_disk_mb);
  const path = driver.imageFiles === undefined ? null : settings.DEFAULT.instances_path;
  let wasFull = false;
  return async () => {
    if (path === null) return driver.problems();
    const { bavail, bsize } = await statfs(path);
    const freeMb = Math.floor((bavail * bsize) / 1024 ** 2);
    const full = isFull(freeMb);
    if (full !== wasFull) {
      if (full) log.error({ path, freeMb }, 'the disk of this host is full; guests are placed elsewhere');
      else log.info({ path, freeMb }, 'the disk of this host has room again');
    }
    wasFull = full;
    return [...driver.problems(), ...(full ? [`less than ${settings.kilonova.least_free_disk_mb} MiB are free in ${path}`] : [])];
  };
}

/** Whether a disk counts as full: from the least that must be free on, and until a quarter more is. */
export function diskJudge(leastMb: number): (freeMb: number) => boolean {
  let full = false;
  return (freeMb) => (full = freeMb < (full ? leastMb * 1.25 : leastMb));
}
