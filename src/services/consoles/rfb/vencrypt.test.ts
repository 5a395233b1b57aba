import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair, type Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readSettings } from '../../../config/index.ts';
import { systemClock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import { readExactly } from '../../../lib/streams/read-exactly.ts';
import { startConsoleProxy } from '../start-console-proxy.ts';
import { negotiateSecurity } from './negotiate-security.ts';
import { securitySchemes } from './security-schemes.ts';

const directory = mkdtempSync(join(tmpdir(), 'kilonova-vencrypt-'));
const at = (name: string): string => join(directory, name);
const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'ignore', cwd: directory });
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
let server: Server;
let port: number;
/** What the screen saw of whoever came. */
let peers: string[] = [];

/** An authority, and certificates of hosts and proxies by it; and another authority nobody trusts. */
beforeAll(async () => {
  for (const authority of ['ca', 'other'])
    openssl('req', '-x509', ...key, '-keyout', `${authority}.key`, '-out', `${authority}.pem`, '-days', '2', '-subj', `/CN=${authority}`);
  for (const [name, authority] of [
    ['host', 'ca'],
    ['proxy', 'ca'],
    ['stranger', 'other'],
  ] as const) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${authority}.pem`,
      '-CAkey',
      `${authority}.key`,
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      '2',
    );
  }
  server = createServer((socket) => void screen(socket.on('error', () => undefined)).catch(() => socket.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

/** QEMU's side of VeNCrypt, with X509None. */
async function screen(socket: Socket): Promise<void> {
  socket.write('RFB 003.008\n');
  await readExactly(socket, 12);
  socket.write(Buffer.from([1, 19]));
  await readExactly(socket, 1);
  socket.write(Buffer.from([0, 2]));
  await readExactly(socket, 2);
  socket.write(Buffer.from([0, 2, 0, 0, 1, 2, 0, 0, 1, 4])); // X509Vnc is 258, X509None 260
  if ((await readExactly(socket, 4)).readUInt32BE(0) !== 260) return void socket.destroy();
  socket.write(Buffer.from([1]));
  const secure = new TLSSocket(socket, {
    isServer: true,
    requestCert: true,
    rejectUnauthorized: true,
    ca: readFileSync(at('ca.pem')),
    cert: readFileSync(at('host.pem')),
    key: readFileSync(at('host.key')),
  });
  await once(
    secure.on('error', () => socket.destroy()),
    'secure',
  );
  peers.push(String(secure.getPeerCertificate().subject?.CN));
  secure.write(Buffer.from([0, 0, 0, 0]));
  secure.on('data', (data: Buffer) => secure.write(data));
}

/** A viewer, and what it has heard. */
function viewer(): { readonly stream: Duplex; readonly heard: () => string } {
  const [stream, own] = duplexPair();
  let heard = '';
  own.on('data', (data: Buffer) => (heard += data.toString('latin1')));
  own.write('RFB 003.008\n\u0001');
  return { stream, heard: () => heard };
}

async function negotiate(conf: string) {
  const schemes = await securitySchemes(readSettings(`[vnc]\n${conf}`).settings);
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const { stream, heard } = viewer();
  return { agreed: negotiateSecurity(stream, socket, schemes), heard, socket };
}
const files = (who: string, ca = 'ca'): string =>
  `auth_schemes = vencrypt,none\nvencrypt_ca_certs = ${at(`${ca}.pem`)}\nvencrypt_client_cert = ${at(`${who}.pem`)}\nvencrypt_client_key = ${at(`${who}.key`)}\n`;

test('a screen that wants TLS and a certificate gets both, and the viewer is asked for nothing', async () => {
  peers = [];
  const { agreed, heard, socket } = await negotiate(files('proxy'));
  const secure = await agreed;
  expect([...(await readExactly(secure, 4))]).toEqual([0, 0, 0, 0]);
  secure.write('hello');
  expect((await readExactly(secure, 5)).toString()).toBe('hello');
  expect([peers, heard()]).toEqual([['proxy'], 'RFB 003.008\n\u0001\u0001']);
  socket.destroy();
});

test('the same through the proxy', async () => {
  const consoleSession = {
    consoleType: 'novnc',
    instanceId: 'server-1',
    host: '127.0.0.1',
    port,
    internalAccessPath: null,
    accessUrlBase: 'http://127.0.0.1/',
    expiresAt: '2100-01-01T00:00:00Z',
  };
  await using proxy = await startConsoleProxy({
    kind: 'novncproxy',
    consoles: { open: () => Promise.resolve(consoleSession) },
    settings: readSettings(`[vnc]\n${files('proxy')}`).settings,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
  });
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/?token=t`);
  let received = '';
  socket.on('message', (data: Buffer) => (received += data.toString('latin1')));
  await once(socket, 'open');
  socket.send('RFB 003.008\n\u0001');
  await expect.poll(() => received).toBe('RFB 003.008\n\u0001\u0001\u0000\u0000\u0000\u0000');
  socket.send('hello');
  await expect.poll(() => received).toMatch(/hello$/);
  const flood = Buffer.alloc(512 * 1024, 'x');
  socket.send(flood);
  await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThan(flood.length);
  socket.terminate();
});

test('a screen whose certificate is of another authority is not trusted', async () => {
  const { agreed, heard, socket } = await negotiate(files('proxy', 'other'));
  await expect(agreed).rejects.toMatchObject({ kind: 'unavailable' });
  expect(heard()).toContain('Unable to negotiate security with server');
  socket.destroy();
});

test('a proxy without the scheme the screen wants is refused', async () => {
  const { agreed, socket } = await negotiate('');
  await expect(agreed).rejects.toThrow('auth_schemes');
  socket.destroy();
});

test.each([
  ['auth_schemes = vnc', "'vnc' is not known"],
  ['auth_schemes = vencrypt', 'needs vencrypt_ca_certs'],
  ['auth_schemes = vencrypt\nvencrypt_ca_certs = /nowhere/ca.pem', '/nowhere/ca.pem cannot be read'],
])('%s is refused at the start', async (conf, message) => {
  await expect(securitySchemes(readSettings(`[vnc]\n${conf}`).settings)).rejects.toThrow(message);
});
