import { internal } from '../../../lib/errors.ts';
import type { Export, StoredVolume, VolumeBackend } from './backend.ts';

interface FakeVolume {
  size: number;
  readonly snapshots: Set<string>;
  exports: readonly Export[];
}

const gib = 1024 ** 3;
const totalBytes = 100_000 * gib;

/** Volumes without bytes, for clouds whose hypervisors pretend too. It forgets when it ends: what was there is made anew when it is asked for. */
export function openFakeBackend(): VolumeBackend {
  const volumes = new Map<string, FakeVolume>();
  const known = ({ id, size }: StoredVolume): FakeVolume => {
    const volume = volumes.get(id) ?? { size, snapshots: new Set<string>(), exports: [] };
    volumes.set(id, volume);
    return volume;
  };
  return {
    async create(volume, content, signal) {
      signal.throwIfAborted();
      if ((content.kind === 'volume' || content.kind === 'snapshot') && (content.volume.keyId === null) !== (volume.keyId === null))
        throw internal('A copy is encrypted as its source is.');
      volumes.set(volume.id, { size: volume.size, snapshots: new Set(), exports: [] });
    },
    async remove(volumeId) {
      volumes.delete(volumeId);
    },
    async extend(volume) {
      known(volume).size = volume.size;
    },
    async reencrypt(from) {
      known(from).snapshots.clear();
    },
    async keepOnly() {},
    async snapshot(volume, snapshotId) {
      known(volume).snapshots.add(snapshotId);
    },
    async removeSnapshot(volume, snapshotId) {
      known(volume).snapshots.delete(snapshotId);
    },
    async revert(volume) {
      known(volume).size = volume.size;
    },
    async copyOut(volume, _format, path) {
      if (volume.keyId !== null) throw internal('Encrypted content does not leave the service.');
      const { writeFile } = await import('node:fs/promises');
      await writeFile(path, Buffer.alloc(1024 ** 2));
    },
    async serve(volume, exports) {
      known(volume).exports = await exports();
      return known(volume).exports.length === 0 ? null : { kind: 'unix', socket: `/nowhere/${volume.id}.nbd` };
    },
    async stopServing(volumeId) {
      const volume = volumes.get(volumeId);
      if (volume !== undefined) volume.exports = [];
    },
    async serving() {
      return [...volumes].filter(([, { exports }]) => exports.length > 0).map(([id]) => id);
    },
    servers: () => Promise.resolve([]),
    reasonAgainst: () => null,
    bytes: ({ size }) => size * gib,
    async capacity() {
      const used = [...volumes.values()].reduce((sum, { size }) => sum + size * gib, 0);
      return { totalBytes, freeBytes: Math.max(0, totalBytes - used) };
    },
    async volumeIds() {
      return [...volumes.keys()];
    },
  };
}
