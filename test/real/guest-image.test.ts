import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { makeGuestImage, type GuestImage } from '../../src/services/up/guest-image/make-guest-image.ts';

const run = promisify(execFile);
/** Kept between runs: the image changes only with its recipe. */
const cache = join(tmpdir(), `kilonova-guest-image-${userInfo().uid}`);
let image: GuestImage;
let directory: string;

beforeAll(async () => {
  image = await makeGuestImage({ directory: cache, log: silentLog });
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-guest-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

interface Guest {
  /** Waits for a line on the serial console. */
  line(pattern: RegExp): Promise<string>;
  /** The facts said so far, in order. */
  facts(): string[];
  /** Presses the power button, and waits until the machine is off. */
  powerOff(): Promise<void>;
}

/** Starts a guest on a disk over the image, with what else is asked for; it is gone when the test ends. */
async function startGuest(...args: readonly string[]): Promise<Guest> {
  const disk = join(directory, 'disk.qcow2');
  if (!(await exists(disk))) await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image.path, disk, '1G']);
  const monitor = join(directory, 'monitor');
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      '-accel=tcg -m=256 -display=none -serial=stdio -no-reboot'.split(/[ =]/),
      ['-monitor', `unix:${monitor},server=on,wait=off`, '-drive', `file=${disk},if=virtio`],
      args,
    ].flat(),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(qemu, 'exit');
  onTestFinished(async () => {
    qemu.kill('SIGKILL');
    await exited;
  });
  let output = '';
  qemu.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return {
    line: async (pattern) =>
      waitUntil(() => output.split(/\r?\n/).find((line) => pattern.test(line)) ?? null, {
        clock: systemClock,
        timeoutMs: 120_000,
        everyMs: 100,
        what: `${String(pattern)} on the console`,
      }).catch((error: unknown) => {
        throw new Error(`The guest said:\n${output}`, { cause: error });
      }),
    facts: () => [...output.matchAll(/KILONOVA ([^\r\n]*)/g)].map((match) => match[1] ?? ''),
    async powerOff() {
      const socket = connect(monitor);
      socket.write('system_powerdown\n');
      await exited;
      socket.destroy();
    },
  };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A key pair of the test's own, and the metadata that lets it in. */
async function makeKey(): Promise<{ readonly path: string; readonly publicKey: string }> {
  const path = join(directory, 'key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  return { path, publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() };
}

async function ssh(port: number, key: string, command: string): Promise<string> {
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'].flatMap((option) => [
    '-o',
    option,
  ]);
  return (await run('ssh', [...options, '-i', key, '-p', String(port), 'root@127.0.0.1', command])).stdout;
}

const uuid = '8a0b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d';

test('the image is made once: whoever asks again, or at the same time, gets the same', async () => {
  const madeAt = (await stat(image.path)).mtimeMs;
  await rm(join(cache, 'guest-image.json'));
  const [one, two] = await Promise.all([
    makeGuestImage({ directory: cache, log: silentLog }),
    makeGuestImage({ directory: cache, log: silentLog }),
  ]);
  expect([one, two, await makeGuestImage({ directory: cache, log: silentLog })]).toEqual([image, image, image]);
  expect((await stat(image.path)).mtimeMs).toBe(madeAt);
  expect((await stat(image.facts.kernelPath)).size).toBeGreaterThan(1_000_000);
});

test('a making that is given up leaves nothing behind', async () => {
  const giveUp = new AbortController();
  const making = makeGuestImage({
    directory: join(directory, 'images'),
    log: silentLog,
    progress: () => giveUp.abort(new Error('changed my mind')),
    signal: giveUp.signal,
  });
  await expect(making).rejects.toThrow('changed my mind');
  await expect.poll(() => run('ls', [join(directory, 'images')]).then(({ stdout }) => stdout)).toBe('lock\n');
});

test('a guest does as its config drive says, remembers it, and goes down in order', async () => {
  const key = await makeKey();
  const latest = join(directory, 'drive/openstack/latest');
  await mkdir(latest, { recursive: true });
  const metadata = {
    uuid,
    hostname: 'first.example',
    availability_zone: 'nova',
    admin_pass: 'it is "secret" $x',
    public_keys: { mine: key.publicKey },
  };
  await writeFile(join(latest, 'meta_data.json'), JSON.stringify(metadata));
  await writeFile(join(latest, 'user_data'), '#!/bin/sh\necho "greetings from $(hostname)"\nexit 3\n');
  const iso = join(directory, 'drive.iso');
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'config-2', '-J', '-r', '-o', iso, join(directory, 'drive')]);
  const port = await freePort();
  const hardware = ['-cdrom', iso, '-device', 'virtio-net-pci,netdev=net', '-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:22`];

  const guest = await startGuest(...hardware);
  await guest.line(/first\.example login: /);
  expect(guest.facts()).toEqual([
    expect.stringMatching(/^boot=1 uptime=[\d.]+ cpus=1 memory-kib=\d+ kernel=/),
    expect.stringMatching(/^disk=sr0 mib=\d+ serial=/),
    'disk=vda mib=1024 serial=',
    'nic=eth0 mac=52:54:00:12:34:56',
    'dhcp=10.0.2.15/24 nic=eth0 router=10.0.2.2 mtu= server=10.0.2.2',
    `metadata=config-drive uuid=${uuid} hostname=first.example zone=nova keys=1`,
    expect.stringMatching(/^root-mib=9\d\d device=\/dev\/vda2$/),
    'user-data exit=3',
    expect.stringMatching(/^ready uptime=/),
  ]);
  await guest.line(/^greetings from first\.example$/);
  expect(await ssh(port, key.path, 'hostname; df -m / | tail -n 1')).toMatch(/^first\.example\n\/dev\/vda2 +9\d\d /);
  await guest.powerOff();
  expect(guest.facts().at(-1)).toBe('power-button');

  const again = await startGuest(...hardware);
  await again.line(/KILONOVA ready/);
  expect(again.facts()[0]).toMatch(/^boot=2 /);
  expect(again.facts()).toContain('user-data=done-before');
});

test('a guest without a config drive asks 169.254.169.254', async () => {
  const key = await makeKey();
  const asked: string[] = [];
  const service = createHttpServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/openstack/latest/meta_data.json') {
      response.end(JSON.stringify({ uuid, hostname: 'second', availability_zone: 'nova', public_keys: { mine: key.publicKey } }));
    } else if (request.url === '/openstack/latest/user_data') {
      response.end('#cloud-config\n');
    } else {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  onTestFinished(() => void service.close());
  // QEMU's own network starts a program for every connection to the address
  const port = portOf(service);
  const forwarder = join(directory, 'forward');
  await writeFile(
    forwarder,
    `#!${process.execPath}\nconst s = require('node:net').connect(${port}, '127.0.0.1');\nprocess.stdin.pipe(s);\ns.pipe(process.stdout);\n`,
    {
      mode: 0o755,
    },
  );
  const sshPort = await freePort();
  const guest = await startGuest(
    '-device',
    'virtio-net-pci,netdev=net',
    '-netdev',
    `user,id=net,net=169.254.0.0/16,hostfwd=tcp:127.0.0.1:${sshPort}-:22,guestfwd=tcp:169.254.169.254:80-cmd:${forwarder}`,
  );
  await guest.line(/KILONOVA ready/);
  expect(guest.facts()).toEqual(
    expect.arrayContaining([`metadata=http uuid=${uuid} hostname=second zone=nova keys=1`, 'user-data=ignored']),
  );
  expect(asked).toEqual(['/openstack/latest/meta_data.json', '/openstack/latest/user_data']);
  expect(await ssh(sshPort, key.path, 'hostname')).toBe('second\n');
});

test('a guest boots by UEFI, and gets along without any network', async () => {
  const guest = await startGuest(
    '-nic',
    'none',
    '-machine',
    'q35',
    '-drive',
    'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
  );
  await guest.line(/kilonova-guest login: /);
  expect(guest.facts()).toContain('metadata=none');
});

test('a guest boots from its kernel and RAM disk', async () => {
  const { kernelPath, ramdiskPath, minimumMemoryMib } = image.facts;
  const boot = ['-kernel', kernelPath, '-initrd', ramdiskPath, '-append', 'console=ttyS0 quiet'];
  const guest = await startGuest('-nic', 'none', '-m', String(minimumMemoryMib), ...boot);
  await guest.line(/KILONOVA ready/);
});
