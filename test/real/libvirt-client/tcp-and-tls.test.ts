/** The libvirt client against a private daemon over TCP and TLS that is stopped and killed. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as libvirt from '../../../src/lib/libvirt/index.ts';
import type { Transport } from '../../../src/lib/libvirt/index.ts';
import { cleanUp, run, undoAll, untilItAnswers } from './host-libvirtd.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a daemon of its own over TCP and TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kilonova-libvirtd-'));
  const pem = (name: string): Buffer => readFileSync(join(directory, name));
  const ports = { tcp: 0, tls: 0 };
  const nobody = 65_534;
  let daemon: ChildProcess;

  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });

  const ca = async (name: string): Promise<void> => {
    await openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-addext',
      'basicConstraints=critical,CA:TRUE',
      '-addext',
      'keyUsage=critical,keyCertSign',
    );
  };
  const certificate = async (name: string, by: string): Promise<void> => {
    await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(join(directory, 'ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${by}.pem`,
      '-CAkey',
      `${by}.key`,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'ext',
      '-out',
      `${name}.pem`,
    );
  };

  /** A certificate authority, and certificates of it for the daemon and for a client; and a stranger's. */
  async function makeCertificates(): Promise<void> {
    await ca('ca');
    await ca('strangers');
    await certificate('localhost', 'ca');
    await certificate('client', 'ca');
    await certificate('stranger', 'strangers');
  }

  async function startDaemon(): Promise<void> {
    daemon = spawn('libvirtd', ['--listen', '--config', join(directory, 'libvirtd.conf'), '--pid-file', join(directory, 'pid')], {
      uid: nobody,
      gid: nobody,
      env: { ...process.env, HOME: directory, XDG_RUNTIME_DIR: directory, XDG_CONFIG_HOME: directory, XDG_CACHE_HOME: directory },
      stdio: 'ignore',
    });
    await untilItAnswers({ kind: 'tcp', host: '127.0.0.1', port: ports.tcp }, 'test:///default', daemon);
  }

  beforeAll(async () => {
    await makeCertificates();
    ports.tcp = await freePort();
    ports.tls = await freePort();
    writeFileSync(
      join(directory, 'libvirtd.conf'),
      `listen_tcp = 1\nlisten_tls = 1\nlisten_addr = "127.0.0.1"\ntcp_port = "${ports.tcp}"\ntls_port = "${ports.tls}"\nauth_tcp = "none"\nauth_tls = "none"\n` +
        `key_file = "${directory}/localhost.key"\ncert_file = "${directory}/localhost.pem"\nca_file = "${directory}/ca.pem"\n`,
    );
    chmodSync(directory, 0o755);
    for (const path of [directory, join(directory, 'localhost.key')]) chownSync(path, nobody, nobody);
    await startDaemon();
  });
  afterEach(undoAll);
  afterAll(async () => {
    daemon.kill('SIGKILL');
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, 'exit');
    rmSync(directory, { recursive: true });
  });

  const identity = (name: string) => ({ ca: pem('ca.pem'), cert: pem(`${name}.pem`), key: pem(`${name}.key`) });
  const over = (kind: 'tcp' | 'tls', who = 'client', host = '127.0.0.1'): Transport =>
    kind === 'tcp' ? { kind, host, port: ports.tcp } : { kind, host, port: ports.tls, tls: identity(who) };

  it.each(['tcp', 'tls'] as const)('is spoken to over %s', async (kind) => {
    using client = await libvirt.connectLibvirt({ transport: over(kind), name: 'test:///default' });
    expect((await libvirt.listDomains(client)).map(({ name }) => name)).toEqual(['test']);
    const [test] = await libvirt.listDomains(client);
    if (test === undefined) throw new Error('the test driver has lost its domain');
    const { image } = await libvirt.takeScreenshot(client, test);
    expect((await buffer(image)).length).toBeGreaterThan(10_000);
  });

  it('turns away a client it does not trust', async () => {
    await expect(libvirt.connectLibvirt({ transport: over('tls', 'stranger'), name: 'test:///default' })).rejects.toMatchObject({
      name: 'LibvirtConnectionError',
    });
  });

  it('is turned away itself when its certificate is not for that name', async () => {
    const elsewhere: Transport = {
      kind: 'tls',
      host: '127.0.0.1',
      port: ports.tls,
      tls: { ...identity('client'), serverName: 'other.example' },
    };
    await expect(libvirt.connectLibvirt({ transport: elsewhere, name: 'test:///default' })).rejects.toMatchObject({
      reason: 'lost',
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  });

  it.each([
    ['another byte than 1', Buffer.from([0])],
    ['nothing', Buffer.alloc(0)],
  ])('counts as a refusal when %s follows the handshake', async (_what, answer) => {
    const server = tls.createServer({ cert: pem('localhost.pem'), key: pem('localhost.key') }, (socket) => void socket.end(answer));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanUp.push(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(
      libvirt.connectLibvirt({ transport: { kind: 'tls', host: '127.0.0.1', port, tls: { ca: pem('ca.pem') } }, name: 'x' }),
    ).rejects.toMatchObject({
      name: 'LibvirtConnectionError',
      reason: 'refused',
    });
  });

  it('is found dead when it falls silent', async () => {
    const client = await libvirt.connectLibvirt({
      transport: over('tcp'),
      name: 'test:///default',
      keepAlive: { intervalMs: 50, count: 3 },
    });
    daemon.kill('SIGSTOP');
    cleanUp.push(() => daemon.kill('SIGCONT'));
    const call = libvirt.getHostname(client);
    await expect(call).rejects.toMatchObject({ reason: 'silent' });
    expect(await client.closed).toMatchObject({ reason: 'silent' });
  });

  it('is missed at once when it is killed', async () => {
    const client = await libvirt.connectLibvirt({ transport: over('tls'), name: 'test:///default' });
    daemon.kill('SIGKILL');
    expect(await client.closed).toMatchObject({ reason: 'lost' });
    await startDaemon();
  });
});
