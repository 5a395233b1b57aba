import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../../../lib/command/run-command.ts';
import { systemClock } from '../../../lib/clock.ts';
import { randomIds } from '../../../lib/ids.ts';
import type { Cipher } from './backend.ts';
import { openKeyStore } from './keys.ts';
import { luksHeaderBytes } from './luks-header.ts';
import { openQemuBackend } from './qemu-backend.ts';

const ciphers: readonly Cipher[] = [{ algorithm: 'aes-256' }, { algorithm: 'aes-128' }];

test.each(ciphers)(
  'a volume encrypted by $algorithm is exactly as big as was promised',
  async (cipher) => {
    const directory = await mkdtemp(join(tmpdir(), 'kn-luks-'));
    try {
      const keys = await openKeyStore(join(directory, 'keys'));
      const backend = await openQemuBackend({
        directory,
        keys,
        clock: systemClock,
        ids: randomIds,
        host: 'here',
        nbdListen: '',
        nbdTlsDirectory: '',
        limits: { cpuSeconds: 30, addressSpaceBytes: 1024 ** 3 },
      });
      const [id, keyId] = [randomIds.uuid(), randomIds.uuid()];
      await keys.make(keyId);
      expect([(await stat(keys.pathOf(keyId))).mode & 0o777, (await stat(join(directory, 'keys'))).mode & 0o777]).toEqual([0o600, 0o700]);
      await backend.create({ id, size: 1, keyId, cipher }, { kind: 'blank' }, new AbortController().signal);
      const file = join(directory, id, `disk-${keyId}.qcow2`);
      const { stdout } = await runCommand({
        program: 'qemu-io',
        args: [
          '-r',
          '--object',
          `secret,id=key,file=${keys.pathOf(keyId)}`,
          '-c',
          'length',
          '--image-opts',
          `driver=luks,key-secret=key,file.driver=qcow2,file.file.driver=file,file.file.filename=${file}`,
        ],
      });
      expect(stdout.trim()).toBe('1 GiB');
      expect(backend.bytes({ id, size: 1, keyId, cipher })).toBe(1024 ** 3 + luksHeaderBytes(cipher));
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  30_000,
);
