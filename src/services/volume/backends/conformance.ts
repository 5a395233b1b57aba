import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { StoredVolume, VolumeBackend } from './backend.ts';

/** What every backend does, whether there are bytes behind it or not. */
export function backendConformance(open: () => Promise<VolumeBackend>): void {
  const signal = new AbortController().signal;
  const plain = (size = 1): StoredVolume => ({ id: randomUUID(), size, keyId: null, cipher: null });
  const none = async () => [];

  it('creates twice as once, and removes twice as once', async () => {
    const backend = await open();
    const volume = plain();
    await backend.create(volume, { kind: 'blank' }, signal);
    await backend.create(volume, { kind: 'blank' }, signal);
    expect(await backend.volumeIds()).toContain(volume.id);
    await backend.remove(volume.id);
    await backend.remove(volume.id);
    expect(await backend.volumeIds()).not.toContain(volume.id);
  });

  it('takes, reverts to and removes snapshots, each twice as once', async () => {
    const backend = await open();
    const [volume, snapshotId] = [plain(), randomUUID()];
    await backend.create(volume, { kind: 'blank' }, signal);
    await backend.snapshot(volume, snapshotId);
    await backend.snapshot(volume, snapshotId);
    await backend.revert(volume, snapshotId);
    await backend.revert(volume, snapshotId);
    const copy = plain(2);
    await backend.create(copy, { kind: 'snapshot', volume, snapshotId }, signal);
    await backend.removeSnapshot(volume, snapshotId);
    await backend.removeSnapshot(volume, snapshotId);
    await backend.remove(volume.id);
    await backend.removeSnapshot(volume, snapshotId);
    await backend.remove(copy.id);
  });

  it('extends, and again to the same size', async () => {
    const backend = await open();
    const volume = plain();
    await backend.create(volume, { kind: 'blank' }, signal);
    await backend.extend({ ...volume, size: 3 }, none);
    await backend.extend({ ...volume, size: 3 }, none);
    expect(backend.bytes({ ...volume, size: 3 })).toBe(3 * 1024 ** 3);
    await backend.remove(volume.id);
  });

  it('serves exactly the exports it is asked for, and frees the volume when there are none', async () => {
    const backend = await open();
    const volume = plain();
    await backend.create(volume, { kind: 'blank' }, signal);
    expect(await backend.serve(volume, none)).toBeNull();
    const [a, b] = [randomUUID(), randomUUID()];
    const first = await backend.serve(volume, async () => [{ id: a, mode: 'rw' }]);
    expect(first).not.toBeNull();
    expect(
      await backend.serve(volume, async () => [
        { id: a, mode: 'rw' },
        { id: b, mode: 'ro' },
      ]),
    ).toEqual(first);
    expect(await backend.serving()).toEqual([volume.id]);
    await backend.snapshot(volume, randomUUID());
    await backend.serve(volume, none);
    expect(await backend.serving()).toEqual([]);
    await backend.stopServing(volume.id);
    await backend.remove(volume.id);
  });

  it('refuses to mix encrypted and plain content', async () => {
    const backend = await open();
    const source = plain();
    await backend.create(source, { kind: 'blank' }, signal);
    const encrypted: StoredVolume = {
      ...plain(),
      keyId: randomUUID(),
      cipher: { algorithm: 'aes-256' },
    };
    await expect(backend.create(encrypted, { kind: 'volume', volume: source }, signal)).rejects.toThrow(
      'A copy is encrypted as its source is.',
    );
    await expect(backend.copyOut(encrypted, 'raw', '/nowhere/x', signal)).rejects.toThrow('does not leave');
    await backend.remove(source.id);
  });

  it('knows how much room there is', async () => {
    const { totalBytes, freeBytes } = await (await open()).capacity();
    expect([totalBytes > 0, freeBytes >= 0, freeBytes <= totalBytes]).toEqual([true, true, true]);
  });
}
