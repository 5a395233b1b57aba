import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type Command } from '../../../lib/command/run-command.ts';
import type { Clock } from '../../../lib/clock.ts';
import { internal } from '../../../lib/errors.ts';
import { isUuid, type IdSource } from '../../../lib/ids.ts';
import type { Cipher, Content, StoredVolume, VolumeBackend } from './backend.ts';
import type { KeyStore } from './keys.ts';
import { luksHeaderBytes, makeLuksHeader } from './luks-header.ts';
import { escaped, setExports, storageDaemon, type StorageDaemon } from './storage-daemon.ts';

export interface QemuBackendOptions {
  /** `<directory>/<volume id>/disk.qcow2`; sockets are in `<directory>/run`. */
  readonly directory: string;
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** This host's name; guests of others are served over TCP only. */
  readonly host: string;
  readonly nbdListen: string;
  readonly nbdTlsDirectory: string;
  /** What qemu-img may use when it reads what users have made. */
  readonly limits: { readonly cpuSeconds: number; readonly addressSpaceBytes: number };
}

const gib = 1024 ** 3;
const usualCipher: Cipher = { algorithm: 'aes-256' };
/** Copying takes as long as it takes; only a program that hangs is ended. */
const longMs = 6 * 3_600_000;

/** Volumes as qcow2 files of this host, served to guests by qemu-storage-daemons over NBD. */
export async function openQemuBackend(options: QemuBackendOptions): Promise<VolumeBackend> {
  const { directory, keys, clock, ids, host, nbdListen, nbdTlsDirectory, limits } = options;
  const run = join(directory, 'run');
  await mkdir(run, { recursive: true, mode: 0o711 });
  // guests reach their sockets through it, and see nothing on the way; it may have been made for something else before
  await chmod(directory, 0o711);
  const placeOf = (volumeId: string): string => {
    if (!isUuid(volumeId)) throw internal('A volume is named by a UUID.');
    return join(directory, volumeId);
  };
  /** Named after its key, so that a volume's content with another encryption can lie beside it until that one counts. */
  const fileOf = ({ id, keyId }: Pick<StoredVolume, 'id' | 'keyId'>): string =>
    join(placeOf(id), keyId === null ? 'disk.qcow2' : `disk-${keyId}.qcow2`);
  const turns = inTurns();
  const daemonOf = (volumeId: string): StorageDaemon =>
    storageDaemon(volumeId, { directory: run, listen: nbdListen, tlsDirectory: nbdTlsDirectory, clock });
  const bytes = ({ size, keyId, cipher }: StoredVolume): number =>
    size * gib + (keyId === null ? 0 : luksHeaderBytes(cipher ?? usualCipher));
  const img = (args: readonly string[], more: Partial<Command> = {}) =>
    runCommand({ program: 'qemu-img', args, timeoutMs: longMs, ...more });

  /** The argument that gives a program a volume's key, which it reads from the file itself. */
  const secret = (keyId: string): string[] => ['--object', `secret,id=key,file=${escaped(keys.pathOf(keyId))}`];
  const qcow2 = (path: string): string => `driver=qcow2,file.driver=file,file.filename=${escaped(path)}`;
  const decrypted = (path: string, key = 'key'): string =>
    `driver=luks,key-secret=${key},file.driver=qcow2,file.file.driver=file,file.file.filename=${escaped(path)}`;

  /** An empty volume; an encrypted one begins with the header of its container. */
  async function makeEmpty(volume: StoredVolume, path: string): Promise<void> {
    if (volume.keyId === null) {
      await img(['create', '-q', '-f', 'qcow2', '-o', 'compat=1.1', '--', path, String(bytes(volume))]);
      return;
    }
    const container = `${path}.luks`;
    try {
      const header = await makeLuksHeader(await keys.passphrase(volume.keyId), volume.cipher ?? usualCipher, volume.keyId);
      await writeFile(container, header, { mode: 0o600 });
      await img(['convert', '-q', '-f', 'raw', '-O', 'qcow2', '-o', 'compat=1.1', '-t', 'writeback', '--', container, path]);
      await img(['resize', '-q', '-f', 'qcow2', '--', path, String(bytes(volume))]);
    } finally {
      await rm(container, { force: true });
    }
  }

  async function fill(volume: StoredVolume, content: Content, path: string, signal: AbortSignal): Promise<void> {
    if (content.kind === 'blank') return makeEmpty(volume, path);
    if (content.kind === 'file') {
      await makeEmpty(volume, path);
      await img(
        [
          'convert',
          '-q',
          '-n',
          '-t',
          'writeback',
          '--image-opts',
          '--target-image-opts',
          ...(volume.keyId === null ? [] : secret(volume.keyId)),
          '--',
          `driver=${content.format},file.driver=file,file.filename=${escaped(content.path)}`,
          volume.keyId === null ? qcow2(path) : decrypted(path),
        ],
        { signal, limits },
      );
      return;
    }
    const { volume: source } = content;
    if ((source.keyId === null) !== (volume.keyId === null)) throw internal('A copy is encrypted as its source is.');
    const copy = (snapshotId: string): Promise<unknown> =>
      img(
        [
          'convert',
          '-q',
          '-U',
          '-f',
          'qcow2',
          '-O',
          'qcow2',
          '-o',
          'compat=1.1',
          '-t',
          'writeback',
          '-l',
          `snapshot.name=${snapshotId}`,
          '--',
          fileOf(source),
          path,
        ],
        { signal },
      );
    if (content.kind === 'snapshot') await copy(content.snapshotId);
    else await withMoment(source, copy);
    await img(['resize', '-q', '-f', 'qcow2', '--', path, String(bytes(volume))]);
  }

  /** Works on a volume as it is at this moment, though a guest may go on writing to it. */
  async function withMoment(volume: StoredVolume, work: (snapshotId: string) => Promise<unknown>): Promise<void> {
    const moment = ids.uuid();
    await takeSnapshot(volume, moment);
    try {
      await work(moment);
    } finally {
      await dropSnapshot(volume, moment);
    }
  }

  async function snapshots(volume: StoredVolume): Promise<ReadonlySet<string>> {
    const { stdout } = await img(['info', '-U', '-f', 'qcow2', '--output=json', '--', fileOf(volume)]);
    const { snapshots: found = [] } = JSON.parse(stdout) as { readonly snapshots?: readonly { readonly name: string }[] };
    return new Set(found.map(({ name }) => name));
  }

  const takeSnapshot = (volume: StoredVolume, name: string): Promise<void> =>
    turns(volume.id, async () => {
      if ((await snapshots(volume)).has(name)) return;
      const online = await daemonOf(volume.id).whileServing((monitor) =>
        monitor.execute('blockdev-snapshot-internal-sync', { device: 'volume', name }),
      );
      if (online === null) await img(['snapshot', '-q', '-c', name, '--', fileOf(volume)]);
    });

  /** Succeeds when it, or the whole volume, is gone. */
  const dropSnapshot = (volume: StoredVolume, name: string): Promise<void> =>
    turns(volume.id, async () => {
      if (!existsSync(fileOf(volume)) || !(await snapshots(volume)).has(name)) return;
      const online = await daemonOf(volume.id).whileServing((monitor) =>
        monitor.execute('blockdev-snapshot-delete-internal-sync', { device: 'volume', name }),
      );
      if (online === null) await img(['snapshot', '-q', '-d', name, '--', fileOf(volume)]);
    });

  /** Makes a file beside the volume's and puts it in its place. */
  async function replace(volume: StoredVolume, make: (path: string) => Promise<void>): Promise<void> {
    await mkdir(placeOf(volume.id), { recursive: true, mode: 0o700 });
    const half = `${fileOf(volume)}.new`;
    await rm(half, { force: true });
    try {
      await make(half);
      await rename(half, fileOf(volume));
    } catch (error) {
      await rm(half, { force: true });
      throw error;
    }
  }

  return {
    async create(volume, content, signal) {
      try {
        await replace(volume, (path) => fill(volume, content, path, signal));
      } catch (error) {
        await rmdir(placeOf(volume.id)).catch(() => undefined); // unless something was there before
        throw error;
      }
    },
    remove: (volumeId) =>
      turns(volumeId, async () => {
        await daemonOf(volumeId).stop();
        await rm(placeOf(volumeId), { recursive: true, force: true });
      }),
    extend: (volume, exports) =>
      turns(volume.id, async () => {
        const online = await daemonOf(volume.id).whileServing(async (monitor) => {
          // no size changes under an export: guests are cut off, wait, and connect to a bigger disk
          await setExports(monitor, []);
          await monitor.execute('block_resize', { 'node-name': 'volume', size: bytes(volume) });
          await setExports(monitor, await exports());
          return true;
        });
        if (online === null) await img(['resize', '-q', '-f', 'qcow2', '--', fileOf(volume), String(bytes(volume))]);
      }),
    async reencrypt(from, to, signal) {
      const key = (id: string, keyId: string | null): string[] =>
        keyId === null ? [] : ['--object', `secret,id=${id},file=${escaped(keys.pathOf(keyId))}`];
      await replace(to, async (path) => {
        await makeEmpty(to, path);
        await img(
          [
            'convert',
            '-q',
            '-n',
            '-t',
            'writeback',
            '--image-opts',
            '--target-image-opts',
            ...key('from', from.keyId),
            ...key('to', to.keyId),
            '--',
            from.keyId === null ? qcow2(fileOf(from)) : decrypted(fileOf(from), 'from'),
            to.keyId === null ? qcow2(path) : decrypted(path, 'to'),
          ],
          { signal },
        );
      });
    },
    async keepOnly(volume) {
      const kept = fileOf(volume);
      for (const name of await readdir(placeOf(volume.id)))
        if (join(placeOf(volume.id), name) !== kept) await rm(join(placeOf(volume.id), name), { force: true });
    },
    snapshot: takeSnapshot,
    removeSnapshot: dropSnapshot,
    revert: (volume, snapshotId) =>
      turns(volume.id, async () => {
        await daemonOf(volume.id).stop();
        await img(['snapshot', '-q', '-a', snapshotId, '--', fileOf(volume)]);
        await img(['resize', '-q', '-f', 'qcow2', '--', fileOf(volume), String(bytes(volume))]);
      }),
    async copyOut(volume, format, path, signal) {
      if (volume.keyId !== null) throw internal('Encrypted content does not leave the service.');
      await withMoment(volume, (moment) =>
        img(['convert', '-q', '-U', '-f', 'qcow2', '-O', format, '-l', `snapshot.name=${moment}`, '--', fileOf(volume), path], { signal }),
      );
    },
    serve: (volume, exports) =>
      turns(volume.id, async () => {
        const daemon = daemonOf(volume.id);
        const wanted = await exports();
        if (wanted.length > 0) return daemon.serve(fileOf(volume), wanted);
        await daemon.stop();
        return null;
      }),
    stopServing: (volumeId) => turns(volumeId, () => daemonOf(volumeId).stop()),
    async serving() {
      return (await readdir(run)).flatMap((name) => /^(.+)\.pid$/.exec(name)?.[1] ?? []).filter(isUuid);
    },
    async servers() {
      const names = (await readdir(run)).filter((name) => name.endsWith('.pid'));
      const pids = await Promise.all(names.map(async (name) => Number(await readFile(join(run, name), 'utf8').catch(() => ''))));
      return pids.filter((pid) => Number.isInteger(pid) && pid > 1);
    },
    reasonAgainst: (connectorHost) =>
      nbdListen !== '' || connectorHost === host
        ? null
        : `this volume service serves the host ${host} only, and not ${connectorHost}; the option [kilonova] volume_nbd_listen names an address for others`,
    bytes,
    async capacity() {
      const { bsize, blocks, bavail } = await statfs(directory);
      return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
    },
    async volumeIds() {
      return (await readdir(directory)).filter(isUuid);
    },
  };
}

/** Runs what is asked about one volume one after the other. */
function inTurns(): <T>(volumeId: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (volumeId, work) => {
    const turn = (last.get(volumeId) ?? Promise.resolve()).then(work, work);
    last.set(volumeId, turn);
    const over = (): void => {
      if (last.get(volumeId) === turn) last.delete(volumeId);
    };
    turn.then(over, over);
    return turn;
  };
}
