import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf, kilonova } from '../support/kilonova.ts';

/** A cloud that runs in a process of its own, as an operator would have it, with hypervisors that pretend. */
export interface StartedCloud {
  /** What its `openrc` exports, beside what programs need. */
  readonly environment: NodeJS.ProcessEnv;
  readonly state: string;
  readonly hosts: number;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CloudWishes {
  readonly hosts: number;
  /** The directory of a cloud that is up already; it is left running. */
  readonly existing: string | null;
  /** Lines for its nova.conf. */
  readonly settings: string;
}

async function must(...args: readonly string[]): Promise<void> {
  const { code, out, error } = await kilonova(...args);
  if (code !== 0) throw new Error(`kilonova ${args[0]} ended with ${code}: ${error}${out}`);
}

const environmentIn = async (state: string): Promise<NodeJS.ProcessEnv> => environmentOf(await readFile(join(state, 'openrc'), 'utf8'));

export async function startedCloud({ hosts, existing, settings }: CloudWishes): Promise<StartedCloud> {
  if (existing !== null)
    return { environment: await environmentIn(existing), state: existing, hosts, [Symbol.asyncDispose]: () => Promise.resolve() };
  const state = await mkdtemp(join(tmpdir(), 'kilonova-conformance-'));
  const up = ['up', '--detach', '--state', state];
  try {
    // the first start writes nova.conf, the second reads what was added to it
    await must(...up, '--driver', 'fake', '--fake-hosts', String(hosts), '--port-base', '0');
    await must('down', '--state', state);
    await appendFile(join(state, 'nova.conf'), `\n${settings}\n`);
    await must(...up);
  } catch (error) {
    await kilonova('reset', '--state', state);
    throw error;
  }
  return {
    environment: await environmentIn(state),
    state,
    hosts,
    async [Symbol.asyncDispose]() {
      await must('reset', '--state', state);
      await rm(state, { recursive: true, force: true });
    },
  };
}
