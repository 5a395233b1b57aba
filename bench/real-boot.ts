import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/lib/clock.ts';
import { waitUntil } from '../src/lib/retry.ts';

/**
 * What Kilonova adds before a real hypervisor starts a guest, with the image in the host's cache: from the POST of a server with a network to the
 * moment the driver tells libvirt to start its guest.
 *
 *     npm run bench:boot [-- --servers 10]
 */
const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { servers: { type: 'string', default: '10' } } });
const kilonova = join(root, 'kilonova');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function run(...args: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(kilonova, args, { stdio: 'ignore', cwd: root });
  child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`kilonova ${args[0] ?? ''} ended with ${code}`))));
  return promise;
}

interface LogLine {
  readonly time: string;
  readonly msg: string;
  readonly instanceId?: string;
}
const marks = {
  told: 'guest is made',
  started: 'the hypervisor is told to start a guest',
} as const;

const state = await mkdtemp(join(tmpdir(), 'kilonova-bench-boot-'));
const up = ['up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0'];
try {
  await run(...up);
  await run('down', '--state', state);
  await appendFile(join(state, 'nova.conf'), '\n[DEFAULT]\ndebug = True\n[quota]\ninstances = -1\ncores = -1\nram = -1\n');
  await run(...up);
  const openrc = new Map(
    [...(await readFile(join(state, 'openrc'), 'utf8')).matchAll(/^export (\w+)='(.*)'$/gm)].map(([, k, v]) => [k, v]),
  );
  const domain = { name: openrc.get('OS_USER_DOMAIN_NAME') };
  const issued = await fetch(`${openrc.get('OS_AUTH_URL')}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: openrc.get('OS_USERNAME'), domain, password: openrc.get('OS_PASSWORD') } },
        },
        scope: { project: { name: openrc.get('OS_PROJECT_NAME'), domain } },
      },
    }),
  });
  const token = issued.headers.get('x-subject-token') ?? '';
  const { catalog } = ((await issued.json()) as { token: { catalog: { type: string; endpoints: { url: string }[] }[] } }).token;
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks knows what is answered
  async function ask<T>(service: string, method: string, path: string, body?: object): Promise<T> {
    const url = catalog.find(({ type }) => type === service)?.endpoints[0]?.url ?? '';
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json', 'openstack-api-version': 'compute 2.93' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return (text === '' ? null : JSON.parse(text)) as T;
  }
  const { images } = await ask<{ images: { id: string }[] }>('image', 'GET', '/v2/images?name=tiny');
  const { networks } = await ask<{ networks: { id: string }[] }>('network', 'GET', '/v2.0/networks?name=private');
  const patience = { clock: systemClock, timeoutMs: 300_000, everyMs: 50 };

  /** Milliseconds from the POST to its answer, to the host's being told, and to the hypervisor's. */
  async function bootOne(name: string): Promise<readonly number[]> {
    const wanted = { name, imageRef: images[0]!.id, flavorRef: '1', networks: [{ uuid: networks[0]!.id }] };
    const began = Date.now();
    const { server } = await ask<{ server: { id: string } }>('compute', 'POST', '/servers', { server: wanted });
    const answered = Date.now() - began;
    await waitUntil(
      async () => {
        const now = await ask<{ server: { status: string; fault?: object } }>('compute', 'GET', `/servers/${server.id}`);
        if (now.server.status === 'ERROR') throw new Error(JSON.stringify(now.server.fault));
        return now.server.status === 'ACTIVE' ? true : null;
      },
      { ...patience, what: 'ACTIVE' },
    );
    const lines = (await readFile(join(state, 'kilonova.log'), 'utf8'))
      .split('\n')
      .filter((line) => line.includes(server.id))
      .map((line) => JSON.parse(line) as LogLine);
    const at = (msg: string): number => Date.parse(lines.find((line) => line.msg === msg)!.time) - began;
    await ask('compute', 'DELETE', `/servers/${server.id}`);
    await waitUntil(
      async () =>
        (await ask<{ itemNotFound?: object }>('compute', 'GET', `/servers/${server.id}`)).itemNotFound === undefined ? null : true,
      {
        ...patience,
        what: 'the end of the server',
      },
    );
    return [answered, at(marks.told), at(marks.started)];
  }
  await bootOne('warms-the-cache');
  const measured: (readonly number[])[] = [];
  for (let number = 0; number < Number(values.servers); number++) measured.push(await bootOne(`measured-${number}`));
  const column = (index: number): readonly number[] => measured.map((each) => each[index]!).toSorted((a, b) => a - b);
  say(`| from POST to | best ms | median ms | worst ms |\n|---|---:|---:|---:|`);
  for (const [index, what] of ['its answer', 'the host being told', 'libvirt being told to start the guest'].entries()) {
    const all = column(index);
    say(`| ${what} | ${all[0]} | ${all[Math.floor(all.length / 2)]} | ${all.at(-1)} |`);
  }
} finally {
  await run('reset', '--state', state).catch(() => undefined);
  await rm(state, { recursive: true, force: true });
}
