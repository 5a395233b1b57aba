import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { randomIds } from '../../../lib/ids.ts';
import { backendConformance } from './conformance.ts';
import { openFakeBackend } from './fake-backend.ts';
import { openKeyStore } from './keys.ts';
import { openQemuBackend } from './qemu-backend.ts';

describe('the fake backend', () => backendConformance(async () => openFakeBackend()));

describe('the qemu backend', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kn-back-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  backendConformance(async () =>
    openQemuBackend({
      directory,
      keys: await openKeyStore(join(directory, 'keys')),
      clock: systemClock,
      ids: randomIds,
      host: 'here',
      nbdListen: '',
      nbdTlsDirectory: '',
      limits: { cpuSeconds: 30, addressSpaceBytes: 1024 ** 3 },
    }),
  );
});
