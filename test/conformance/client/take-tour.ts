import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outcomeOf } from '../../support/kilonova.ts';
import { openStackClient, type OpenStackClient } from '../openstack.ts';
import { cloudSession, type CloudSession } from '../samples/cloud-session.ts';
import type { StartedCloud } from '../started-cloud.ts';
import type { Verdict } from '../verdict.ts';
import { tour, type Notes, type TourStep } from './tour.ts';

interface Walk {
  readonly client: OpenStackClient;
  readonly session: CloudSession;
  readonly hasVolumes: boolean;
  notes: Notes;
}

/** Takes the tour, and finds every command of the client for Compute that it leaves out. */
export async function takeTour(cloud: StartedCloud, directory: string, say: (line: string) => void): Promise<Verdict[]> {
  const client = openStackClient(cloud.environment);
  const key = join(directory, 'tour-key');
  await writeFile(`${key}.pub`, await publicKey(key));
  const catalog = (await client.json('catalog', 'list')) as readonly { Type: string }[];
  const session = await cloudSession(cloud.environment);
  const walk: Walk = {
    client,
    session,
    hasVolumes: catalog.some(({ Type }) => Type === 'volumev3' || Type === 'block-storage'),
    notes: { directory, hosts: String(cloud.hosts), project: session.projectId },
  };
  const verdicts: Verdict[] = [];
  say(`client: ${tour.length} commands`);
  for (const [index, step] of tour.entries()) {
    verdicts.push(await take(walk, step));
    if ((index + 1) % 25 === 0) say(`client: ${index + 1} of ${tour.length}`);
  }
  return [...verdicts, ...(await leftOut(client))];
}

/** Commands of which no step is. */
async function leftOut(client: OpenStackClient): Promise<Verdict[]> {
  const groups = (await client.json('command', 'list', '--group', 'openstack.compute.v2')) as readonly { Commands: readonly string[] }[];
  return groups
    .flatMap(({ Commands }) => Commands)
    .filter((command) => !tour.some(({ run }) => run === command || run.startsWith(`${command} `)))
    .map((command) => ({ name: command, outcome: 'failed', reason: 'no step of the tour takes it', detail: '' }));
}

async function take(walk: Walk, step: TourStep): Promise<Verdict> {
  const name = step.version === undefined ? step.run : `${step.run} (${step.version})`;
  if (step.volumes === true && !walk.hasVolumes) return { name, outcome: 'skipped', reason: 'the cloud has no volume service', detail: '' };
  try {
    const problem = await problemWith(walk, step);
    return problem === null
      ? { name, outcome: 'passed', reason: '', detail: '' }
      : { name, outcome: 'failed', reason: problem.slice(0, 300), detail: problem };
  } catch (error) {
    return { name, outcome: 'failed', reason: String(error).slice(0, 300), detail: String(error) };
  }
}

async function problemWith(walk: Walk, step: TourStep): Promise<string | null> {
  const wantsJson = step.shows !== undefined || step.lists !== undefined || step.lacks !== undefined;
  const words = noted(step.run, walk.notes).trim().split(' ');
  const version = step.version === undefined ? [] : ['--os-compute-api-version', step.version];
  const { code, out, error } = await walk.client.run(...version, ...words, ...(wantsJson ? ['-f', 'json'] : []));
  if (step.refused !== undefined) {
    if (code === 0) return `was not refused: ${out}`;
    return step.refused.test(error) ? null : `was refused otherwise: ${error}`;
  }
  if (code !== 0) return `ended with ${code}: ${error.trim()}`;
  if (step.says !== undefined && !step.says.test(out)) return `said: ${out}`;
  if (wantsJson) {
    // `--wait` says how far it is before it shows what it has
    const json: unknown = JSON.parse(out.slice(Math.max(0, out.search(/[[{]/))) || 'null');
    const found = judged(json, step, walk.notes);
    if (typeof found === 'string') return found;
    const kept = Object.entries(step.keep ?? {}).map(([note, field]) => [note, textOf(found[field])]);
    walk.notes = { ...walk.notes, ...Object.fromEntries(kept) };
  }
  if (step.until !== undefined) await arrived(walk.session, ...step.until);
  return null;
}

const textOf = (value: unknown): string => {
  if (Array.isArray(value) && typeof value[0] === 'object') return String((value[0] as { ip_address?: unknown }).ip_address ?? '');
  return typeof value === 'string' ? value : JSON.stringify(value);
};

type Row = Readonly<Record<string, unknown>>;

/** The object, or the row, that was wanted; a text says what was there instead. */
function judged(json: unknown, { shows, lists, lacks }: TourStep, notes: Notes): Row | string {
  if (shows !== undefined) return has(json, shows, notes) ? (json as Row) : `shows ${JSON.stringify(json)}`;
  if (!Array.isArray(json)) return `is no list: ${JSON.stringify(json)}`;
  const row = json.find((candidate) => has(candidate, lists ?? lacks ?? {}, notes)) as Row | undefined;
  if (lists !== undefined) return row ?? `lists ${JSON.stringify(json)}`;
  return row === undefined ? {} : `still lists ${JSON.stringify(row)}`;
}

const noted = (text: string, notes: Notes): string => text.replaceAll(/\{(\w+)\}/g, (whole, note: string) => notes[note] ?? whole);

/** Whether a value is what is wanted, or an object or a list that has it. Numbers and texts of numbers are the same. */
function has(actual: unknown, wanted: unknown, notes: Notes): boolean {
  if (wanted === '{some}') return actual !== null && actual !== undefined && actual !== '';
  if (Array.isArray(wanted))
    return Array.isArray(actual) && actual.length === wanted.length && wanted.every((each, index) => has(actual[index], each, notes));
  if (typeof wanted === 'object' && wanted !== null) {
    return (
      typeof actual === 'object' &&
      actual !== null &&
      Object.entries(wanted).every(([key, value]) => has((actual as Row)[key], value, notes))
    );
  }
  return textOf(actual) === (typeof wanted === 'string' ? noted(wanted, notes) : JSON.stringify(wanted));
}

async function arrived(session: CloudSession, server: string, status: string): Promise<void> {
  const path = `/servers/detail?name=${encodeURIComponent(`^${server}$`)}`;
  interface Servers {
    readonly servers: readonly { readonly status: string; readonly 'OS-EXT-STS:task_state': string | null }[];
  }
  await session.until(path, ({ servers }: Servers) => {
    if (status === 'gone') return servers.length === 0;
    if (servers[0]?.status === 'ERROR' && status !== 'ERROR') throw new Error(`${server} is in ERROR`);
    return servers[0]?.status === status && servers[0]['OS-EXT-STS:task_state'] === null;
  });
}

/** A public key as a person would bring it along. */
async function publicKey(path: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const file = `${path}.own`;
  await writeFile(file, privateKey, { mode: 0o600 });
  const { code, out, error } = await outcomeOf('ssh-keygen', ['-y', '-f', file]);
  if (code !== 0) throw new Error(`ssh-keygen ended with ${code}: ${error}`);
  return out;
}
