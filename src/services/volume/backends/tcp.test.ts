import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { runCommand } from '../../../lib/command/run-command.ts';
import { randomIds } from '../../../lib/ids.ts';
import type { StoredVolume, VolumeBackend } from './backend.ts';
import { backendConformance } from './conformance.ts';
import { openKeyStore } from './keys.ts';
import { openQemuBackend } from './qemu-backend.ts';

const run = promisify(execFile);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kn-tcp-'));
});
afterAll(() => rm(directory, { recursive: true }));

const open = async (nbdListen: string, nbdTlsDirectory = ''): Promise<VolumeBackend> =>
  openQemuBackend({
    directory,
    keys: await openKeyStore(join(directory, 'keys')),
    clock: systemClock,
    ids: randomIds,
    host: 'here',
    nbdListen,
    nbdTlsDirectory,
    limits: { cpuSeconds: 30, addressSpaceBytes: 1024 ** 3 },
  });

describe('the qemu backend over TCP', () => backendConformance(() => open('127.0.0.1')));

it('serves other hosts only where it was told how', async () => {
  expect((await open('')).reasonAgainst('there')).toContain('volume_nbd_listen');
  expect((await open('')).reasonAgainst('here')).toBeNull();
  expect((await open('127.0.0.1')).reasonAgainst('there')).toBeNull();
});

/** A certificate authority with one certificate, in the files QEMU looks for. */
async function certificates(of: 'server' | 'client', authority: string): Promise<string> {
  const place = join(directory, `${of}-of-${authority}`);
  const ca = join(directory, authority);
  await mkdir(place, { recursive: true });
  const template = join(place, 'template');
  const certtool = (...args: readonly string[]) => run('certtool', args);
  if (of === 'server') {
    await writeFile(template, 'cn = authority\nca\ncert_signing_key\nexpiration_days = 2\n');
    await certtool('--generate-privkey', '--key-type', 'ecdsa', '--outfile', `${ca}.key`);
    await certtool('--generate-self-signed', '--load-privkey', `${ca}.key`, '--template', template, '--outfile', `${ca}.pem`);
  }
  await writeFile(template, `cn = ${of}\nip_address = 127.0.0.1\ntls_www_${of}\nsigning_key\nexpiration_days = 2\n`);
  const [key, certificate] = [join(place, `${of}-key.pem`), join(place, `${of}-cert.pem`)];
  await certtool('--generate-privkey', '--key-type', 'ecdsa', '--outfile', key);
  const signing = ['--load-ca-certificate', `${ca}.pem`, '--load-ca-privkey', `${ca}.key`, '--load-privkey', key];
  await certtool('--generate-certificate', ...signing, '--template', template, '--outfile', certificate);
  await run('cp', [`${ca}.pem`, join(place, 'ca-cert.pem')]);
  return place;
}

it('shows a volume over TLS to whoever has a certificate, and to nobody else', async () => {
  const [serverSide, otherServer] = [await certificates('server', 'ours'), await certificates('server', 'foreign')];
  const [ours, foreign] = [await certificates('client', 'ours'), await certificates('client', 'foreign')];
  await run('cp', [join(serverSide, 'ca-cert.pem'), join(foreign, 'ca-cert.pem')]); // trusts our server, and is not trusted by it
  expect(otherServer).not.toBe(serverSide);
  const backend = await open('127.0.0.1', serverSide);
  const volume: StoredVolume = { id: randomUUID(), size: 1, keyId: null, cipher: null };
  await backend.create(volume, { kind: 'blank' }, new AbortController().signal);
  const name = randomUUID();
  const transport = await backend.serve(volume, async () => [{ id: name, mode: 'rw' }]);
  try {
    if (transport?.kind !== 'tcp') throw new Error('not over TCP');
    expect(transport.tls).toBe(true);
    const looks = async (credentials: readonly string[], more = '') =>
      (
        await runCommand({
          program: 'qemu-img',
          args: [
            'info',
            ...credentials,
            '--image-opts',
            `driver=nbd,server.type=inet,server.host=127.0.0.1,server.port=${transport.port},export=${name}${more}`,
          ],
          answers: [1],
        })
      ).exitCode;
    const as = (place: string) =>
      looks(['--object', `tls-creds-x509,id=tls,endpoint=client,dir=${place},verify-peer=on`], ',tls-creds=tls');
    expect([await as(ours), await as(foreign), await looks([])]).toEqual([0, 1, 1]);
  } finally {
    await backend.remove(volume.id);
  }
}, 60_000);
