import { constants, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { isUuid } from '../../../../lib/ids.ts';
import { readQcow2Header } from '../../qcow2-header.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

export interface HostFacts {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly localGb: number;
  /** What disks of guests may grow to altogether, and what would be left then. */
  readonly localGbUsed: number;
  readonly diskAvailableLeast: number;
}

/** The host as its kernel sees it; libvirt's own number for memory is wrong on some machines. */
export async function readHostFacts(instancesPath: string): Promise<HostFacts> {
  const { bsize, blocks, bavail } = await statfs(instancesPath);
  let claimed = 0;
  let yetToGrow = 0;
  for (const id of await readdir(instancesPath)) {
    if (!isUuid(id)) continue;
    for (const file of await readdir(join(instancesPath, id)).catch(() => [])) {
      if (!file.startsWith('disk')) continue;
      const path = join(instancesPath, id, file);
      try {
        const { size, blocks: used } = await stat(path);
        const virtual = await readQcow2Header(path).then(
          ({ virtualBytes }) => virtualBytes,
          () => size,
        );
        claimed += virtual;
        yetToGrow += Math.max(0, virtual - used * 512);
      } catch {
        continue; // removed just now
      }
    }
  }
  return {
    vcpus: availableParallelism(),
    memoryMb: Math.floor(totalmem() / MiB),
    localGb: Math.floor((blocks * bsize) / GiB),
    localGbUsed: Math.ceil(claimed / GiB),
    diskAvailableLeast: Math.floor((bavail * bsize - yetToGrow) / GiB),
  };
}

/** As `uptime` prints it. */
export function uptimeLine(now: Date): string {
  const minutes = Math.floor(uptime() / 60);
  const days = Math.floor(minutes / 1440);
  const clock = `${Math.floor((minutes % 1440) / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  const load = loadavg().map((value) => value.toFixed(2));
  return ` ${now.toISOString().slice(11, 19)} up ${days > 0 ? `${days} days, ` : ''}${clock},  0 users,  load average: ${load.join(', ')}`;
}

/** Whether disks in a directory can be opened past the page cache, which is what `cache=none` does. */
export async function takesDirectIo(directory: string): Promise<boolean> {
  const path = join(directory, `.direct-io-${process.pid}`);
  try {
    await using _ = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT, 0o600);
    return true;
  } catch {
    return false;
  } finally {
    await rm(path, { force: true });
  }
}
