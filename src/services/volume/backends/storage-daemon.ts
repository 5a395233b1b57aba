import { existsSync } from 'node:fs';
import { chmod, chown, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { NbdConnection } from '../../../clients/volume.ts';
import { runCommand } from '../../../lib/command/run-command.ts';
import type { Clock } from '../../../lib/clock.ts';
import { internal, isKind, unavailable } from '../../../lib/errors.ts';
import type { Export } from './backend.ts';
import { openMonitor, type Monitor } from './qmp.ts';

export interface DaemonOptions {
  /** For its socket, its monitor and its pid; short, for a socket's path has at most 107 bytes. */
  readonly directory: string;
  /** Address for NBD over TCP; empty is a Unix socket. */
  readonly listen: string;
  /** Directory with `ca-cert.pem`, `server-cert.pem` and `server-key.pem`: exports over TCP then demand TLS with a client certificate; empty is none. */
  readonly tlsDirectory: string;
  readonly clock: Clock;
}

/** One qemu-storage-daemon for each volume in use. It lives on when this service ends, for guests depend on it. */
export interface StorageDaemon {
  /** Makes the exports exactly these, of the file in this place; starts it if it does not run. */
  serve(file: string, exports: readonly Export[]): Promise<NbdConnection['data']['transport']>;
  /** Does something with the running daemon's volume; null when it does not run. */
  whileServing<T>(work: (monitor: Monitor) => Promise<T>): Promise<T | null>;
  /** Ends it; succeeds when it does not run. */
  stop(): Promise<void>;
}

export function storageDaemon(volumeId: string, { directory, listen, tlsDirectory, clock }: DaemonOptions): StorageDaemon {
  const at = (ending: string): string => join(directory, `${volumeId}.${ending}`);
  const [monitorPath, socketPath, pidPath, portPath] = [at('qmp'), at('nbd'), at('pid'), at('port')];

  /** The process that serves this volume, or null; a number that now belongs to something else is nobody's. */
  async function pid(): Promise<number | null> {
    const number = Number(await readFile(pidPath, 'utf8').catch(() => ''));
    if (!Number.isInteger(number) || number <= 1) return null;
    const line = await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '');
    return line.includes('qemu-storage-daemon') && line.includes(volumeId) ? number : null;
  }

  async function monitor(): Promise<Monitor | null> {
    if ((await pid()) === null || !existsSync(monitorPath)) return null;
    try {
      return await openMonitor(monitorPath);
    } catch (error) {
      if (isKind(error, 'unavailable')) return null;
      throw error;
    }
  }

  async function end(): Promise<void> {
    const running = await pid();
    if (running !== null) {
      process.kill(running, 'SIGTERM');
      for (let waited = 0; (await pid()) !== null; waited += 20) {
        if (waited > 10_000) process.kill(running, 'SIGKILL');
        await clock.sleep(20);
      }
    }
    await Promise.all([monitorPath, socketPath, pidPath].map((path) => rm(path, { force: true })));
  }

  async function start(file: string): Promise<void> {
    await end(); // what answers no longer, and what it left
    if (Buffer.byteLength(monitorPath) > 107)
      throw internal('The directory of the volume service is too long for a socket.', { details: { directory } });
    const address =
      listen === ''
        ? `addr.type=unix,addr.path=${escaped(socketPath)}`
        : `addr.type=inet,addr.host=${escaped(listen)},addr.port=${await port()}${tlsDirectory === '' ? '' : ',tls-creds=tls'}`;
    await runCommand({
      program: 'qemu-storage-daemon',
      args: [
        '--daemonize',
        '--pidfile',
        pidPath,
        ...(tlsDirectory === '' ? [] : ['--object', `tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir=${escaped(tlsDirectory)}`]),
        '--chardev',
        `socket,id=monitor,path=${escaped(monitorPath)},server=on,wait=off`,
        '--monitor',
        'chardev=monitor',
        '--blockdev',
        `driver=file,node-name=file,filename=${escaped(file)},discard=unmap,locking=on`,
        '--blockdev',
        'driver=qcow2,node-name=volume,file=file,discard=unmap,detect-zeroes=unmap',
        '--nbd-server',
        `${address},max-connections=0`,
      ],
      timeoutMs: 30_000,
    });
    if (listen === '') await admitGuests(socketPath);
  }

  /** The same port for as long as the volume is used: guests come back to it when the daemon was restarted. */
  async function port(): Promise<number> {
    const known = Number(await readFile(portPath, 'utf8').catch(() => ''));
    if (Number.isInteger(known) && known > 0) return known;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: listen, port: 0 }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
    const chosen = await promise;
    await writeFile(portPath, String(chosen), { mode: 0o600 });
    return chosen;
  }

  return {
    async serve(file, exports) {
      let running = await monitor();
      if (running === null) {
        await start(file);
        running = await monitor();
      }
      if (running === null) throw unavailable('The storage daemon of the volume does not answer.', { details: { volumeId } });
      using open = running;
      await setExports(open, exports);
      if (listen === '') return { kind: 'unix', socket: socketPath };
      return { kind: 'tcp', host: listen, port: await port(), tls: tlsDirectory !== '' };
    },
    async whileServing(work) {
      const running = await monitor();
      if (running === null) {
        await end(); // it might still hold the file
        return null;
      }
      using open = running;
      return await work(open);
    },
    async stop() {
      await end();
      await rm(portPath, { force: true });
    },
  };
}

/** Adds and removes until the daemon has exactly these. An export that goes cuts its guest off at once. */
export async function setExports(monitor: Monitor, wanted: readonly Export[]): Promise<void> {
  const present = (await monitor.execute('query-block-exports')) as readonly { readonly id: string; readonly 'shutting-down': boolean }[];
  const names = new Map(wanted.map((each) => [exportId(each), each]));
  for (const { id, 'shutting-down': going } of present)
    if (!names.has(id) && !going) await monitor.execute('block-export-del', { id, mode: 'hard' });
  const there = new Set(present.filter(({ 'shutting-down': going }) => !going).map(({ id }) => id));
  for (const [id, each] of names)
    if (!there.has(id))
      await monitor.execute('block-export-add', {
        type: 'nbd',
        id,
        'node-name': 'volume',
        name: each.id,
        writable: each.mode === 'rw',
      });
}

/** The mode stands in it, so that an export whose mode has changed is made anew. */
const exportId = ({ id, mode }: Export): string => `${mode}-${id}`;

/** In QEMU's option lists a comma is written twice. */
export const escaped = (text: string): string => text.replaceAll(',', ',,');

/** Lets guests connect: they run under an account of their own, which the socket is given to. */
async function admitGuests(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, uid, gid] = /^(?:libvirt-qemu|qemu):[^:]*:(\d+):(\d+):/m.exec(accounts) ?? [];
  if (uid === undefined || gid === undefined) return;
  await chown(path, Number(uid), Number(gid));
  await chmod(path, 0o600);
}
