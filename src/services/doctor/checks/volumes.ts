import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOfProgram, runCommand } from '../../../lib/command/run-command.ts';
import { messageOf } from '../../../lib/errors.ts';
import { good, missing, type Check, type Finding } from '../check.ts';

const remedy = 'apt-get install --no-install-recommends qemu-system-common qemu-utils';

/** What serves volumes to guests. */
export const volumeChecks: readonly Check[] = [
  { id: 'storage-daemon', about: 'qemu-storage-daemon', neededFor: ['realGuests', 'tests'], look: lookForStorageDaemon },
];

/** Serves a small disk over NBD and looks at it from outside, as a guest does. */
async function lookForStorageDaemon(signal: AbortSignal): Promise<Finding> {
  try {
    pathOfProgram('qemu-storage-daemon');
    pathOfProgram('qemu-img');
  } catch (error) {
    return missing(messageOf(error), remedy);
  }
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-doctor-'));
  const [disk, socket, pid] = ['disk', 'nbd', 'pid'].map((name) => join(directory, name)) as [string, string, string];
  try {
    await runCommand({ program: 'qemu-img', args: ['create', '-q', '-f', 'qcow2', '--', disk, '1M'], signal });
    await runCommand({
      program: 'qemu-storage-daemon',
      args: [
        '--daemonize',
        '--pidfile',
        pid,
        '--blockdev',
        `driver=qcow2,node-name=disk,file.driver=file,file.filename=${disk}`,
        '--nbd-server',
        `addr.type=unix,addr.path=${socket}`,
        '--export',
        'type=nbd,id=disk,node-name=disk,name=disk',
      ],
      timeoutMs: 10_000,
      signal,
    });
    await runCommand({
      program: 'qemu-img',
      args: ['info', '--image-opts', `driver=nbd,server.type=unix,server.path=${socket},export=disk`],
      signal,
    });
    return good('a volume is really served');
  } catch (error) {
    return missing(`no volume is served: ${messageOf(error)}`, remedy);
  } finally {
    const running = Number(await readFile(pid, 'utf8').catch(() => '0'));
    if (running > 1) process.kill(running, 'SIGTERM');
    await rm(directory, { recursive: true, force: true });
  }
}
