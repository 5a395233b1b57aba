import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { KilonovaError, messageOf, unavailable } from '../../lib/errors.ts';

/** Where everything of one cloud lies. */
export interface StateDirectory {
  readonly path: string;
  readonly novaConf: string;
  readonly openrc: string;
  readonly cloudsYaml: string;
  readonly pidFile: string;
  readonly secretsFile: string;
  readonly logFile: string;
}

/** The place a cloud has when none is named. */
export const defaultStatePath = (): string => (process.getuid?.() === 0 ? '/var/lib/kilonova' : join(homedir(), '.local/share/kilonova'));

/** Where the test image is kept once it is made: it is the same for all clouds of a machine. */
export const imageCachePath = (): string =>
  process.getuid?.() === 0 ? '/var/cache/kilonova/guest-image' : join(homedir(), '.cache/kilonova/guest-image');

export function stateDirectory(path: string): StateDirectory {
  const root = resolve(path);
  const at = (name: string): string => join(root, name);
  return {
    path: root,
    novaConf: at('nova.conf'),
    openrc: at('openrc'),
    cloudsYaml: at('clouds.yaml'),
    pidFile: at('kilonova.pid'),
    secretsFile: at('secrets.json'),
    logFile: at('kilonova.log'),
  };
}

/** Makes the directory. Others may pass through it (the database and guests run under accounts of their own), but not list it. */
export async function prepareDirectory(state: StateDirectory): Promise<void> {
  try {
    await mkdir(state.path, { recursive: true });
    await chmod(state.path, 0o711);
  } catch (error) {
    throw unavailable(`The state directory ${state.path} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/** What nobody else may know; made at random on the first start and kept with mode 0600. */
export interface Secrets {
  readonly adminPassword: string;
  readonly servicePasswords: Readonly<Record<string, string>>;
  readonly metadataSecret: string;
  /** Marks what is this cloud's on a host that several share. */
  readonly cloudId: string;
}

const serviceUsers = ['nova', 'placement', 'glance', 'neutron', 'cinder'] as const;
const password = (): string => randomBytes(18).toString('base64url');

export async function readSecrets(state: StateDirectory): Promise<Secrets | null> {
  if (!existsSync(state.secretsFile)) return null;
  try {
    return JSON.parse(await readFile(state.secretsFile, 'utf8')) as Secrets;
  } catch (error) {
    throw new KilonovaError(
      'invalid',
      `${state.secretsFile} cannot be read: ${messageOf(error)}. Put it back from a backup, or begin anew with ./kilonova reset.`,
      { cause: error },
    );
  }
}

const newSecrets = (servicePasswords: Secrets['servicePasswords']): Secrets => ({
  adminPassword: password(),
  servicePasswords,
  metadataSecret: password(),
  cloudId: `k${randomBytes(3).toString('hex')}`,
});

export async function ensureSecrets(state: StateDirectory): Promise<Secrets> {
  const known = await readSecrets(state);
  // a cloud that was made before a service came has no password of it yet
  const servicePasswords = Object.fromEntries(serviceUsers.map((name) => [name, known?.servicePasswords[name] ?? password()]));
  if (known !== null && serviceUsers.every((name) => known.servicePasswords[name] !== undefined)) return known;
  const secrets: Secrets = known === null ? newSecrets(servicePasswords) : { ...known, servicePasswords };
  await writePrivately(state.secretsFile, JSON.stringify(secrets, null, 2));
  return secrets;
}

/** Writes a file whole or not at all, readable by its owner only. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const half = `${path}.new`;
  await writeFile(half, text, { mode: 0o600 });
  await rename(half, path);
}

/** The process that runs this cloud, or null. A pid that now belongs to something else is nobody's. */
export async function runningPid(state: StateDirectory): Promise<number | null> {
  let pid: number;
  try {
    pid = Number((await readFile(state.pidFile, 'utf8')).trim());
  } catch {
    return null;
  }
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return null;
  try {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes('main.ts') ? pid : null;
  } catch {
    return null;
  }
}

/** Takes the directory for this process; refuses while another runs in it. */
export async function takeDirectory(state: StateDirectory): Promise<{ release(): Promise<void> }> {
  const running = await runningPid(state);
  if (running !== null) {
    throw new KilonovaError(
      'conflict',
      `A cloud already runs in ${state.path} (process ${running}). Stop it with: ./kilonova down --state ${state.path}`,
      { code: 'already-running' },
    );
  }
  await rm(state.pidFile, { force: true });
  try {
    await writeFile(state.pidFile, `${process.pid}\n`, { flag: 'wx' });
  } catch (error) {
    throw new KilonovaError('conflict', `Another cloud is just starting in ${state.path}.`, { code: 'already-running', cause: error });
  }
  return { release: () => rm(state.pidFile, { force: true }) };
}
