import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { readExactly } from '../../src/lib/streams/read-exactly.ts';
import { negotiateSecurity } from '../../src/services/consoles/rfb/negotiate-security.ts';
import { securitySchemes } from '../../src/services/consoles/rfb/security-schemes.ts';

/** QEMU's own VNC server with VeNCrypt, which wants a certificate of whoever looks: what `[vnc] auth_schemes = vencrypt` is for. */
const directory = mkdtempSync(join(tmpdir(), 'kilonova-vnc-tls-'));
const at = (name: string): string => join(directory, name);
const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'ignore', cwd: directory });
let qemu: ChildProcess;

beforeAll(async () => {
  chmodSync(directory, 0o700);
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca-key.pem', '-out', 'ca-cert.pem', '-days', '2', '-subj', '/CN=ca');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', `${name}-key.pem`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca-cert.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-out', `${name}-cert.pem`, '-days', '2'); // prettier-ignore
  }
  qemu = spawn(
    'qemu-system-x86_64',
    [
      '-accel=tcg -m=32 -S -display=none'.split(/[ =]/),
      ['-object', `tls-creds-x509,id=tls,dir=${directory},endpoint=server,verify-peer=on`],
      ['-vnc', `unix:${at('vnc')},tls-creds=tls`],
    ].flat(),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await waitUntil(() => existsSync(at('vnc')) || null, { clock: systemClock, timeoutMs: 30_000, everyMs: 100, what: 'The screen' });
});

afterAll(async () => {
  const ended = once(qemu, 'exit');
  qemu.kill();
  await ended;
  rmSync(directory, { recursive: true });
});

async function look(conf: string) {
  const schemes = await securitySchemes(readSettings(`[vnc]\n${conf}`).settings);
  const screen = connect(at('vnc'));
  await once(screen, 'connect');
  const [viewer, own] = duplexPair();
  own.write('RFB 003.008\n\u0001');
  return { screen, own, agreed: negotiateSecurity(viewer, screen, schemes) };
}
const ca = `auth_schemes = vencrypt\nvencrypt_ca_certs = ${at('ca-cert.pem')}\n`;

test('the screen of a guest is seen over TLS by a proxy with a certificate', async () => {
  const { screen, own, agreed } = await look(
    `${ca}vencrypt_client_cert = ${at('client-cert.pem')}\nvencrypt_client_key = ${at('client-key.pem')}\n`,
  );
  const secure = await agreed;
  expect((await readExactly(own, 14)).toString('latin1')).toBe('RFB 003.008\n\u0001\u0001');
  expect((await readExactly(secure, 4)).readUInt32BE(0)).toBe(0);
  secure.write(Buffer.from([1]));
  const init = await readExactly(secure, 24);
  expect([init.readUInt16BE(0) > 0, (await readExactly(secure, init.readUInt32BE(20))).toString()]).toEqual([true, 'QEMU']);
  screen.destroy();
});

test('a proxy without a certificate, or without TLS at all, sees nothing', async () => {
  const bare = await look(ca);
  await expect(bare.agreed.then((secure) => readExactly(secure, 4))).rejects.toThrow();
  bare.screen.destroy();
  const plain = await look('auth_schemes = none\n');
  await expect(plain.agreed).rejects.toThrow('auth_schemes');
  plain.screen.destroy();
});
