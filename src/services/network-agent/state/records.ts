import { readFile, rm } from 'node:fs/promises';
import type { HostWish } from '../../../contracts/network-agent.ts';
import { cloudWord } from '../names.ts';
import type { Permissions } from '../ruleset/revocations.ts';
import { replaceFile } from './replace-file.ts';

/** What on this host is ours. Written before it is made, so that nothing is made and forgotten; whatever is not in it is never touched. */
export interface Owned {
  readonly bridges: readonly string[];
  readonly tunnels: readonly string[];
  readonly namespaces: readonly string[];
}

/** What was in force last, to see what a change takes away. */
export interface Applied {
  readonly permissions: Permissions;
  /** Of each router, the fixed address behind each floating one. */
  readonly translations: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The agent's memory in `state_path`; without it, it would have to ask and could not clean up. */
export interface Records {
  owned(): Promise<Owned>;
  keepOwned(owned: Owned): Promise<void>;
  applied(): Promise<Applied>;
  keepApplied(applied: Applied): Promise<void>;
  /** The last wish, to go on with while the network service does not answer. */
  wish(): Promise<HostWish | null>;
  keepWish(wish: HostWish): Promise<void>;
  forget(): Promise<void>;
}

export function openRecords(statePath: string, cloudId: string): Records {
  const directory = `${statePath}/network-agent/${cloudWord(cloudId)}`;
  const read = async <T>(name: string, absent: T): Promise<T> => {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
      return JSON.parse(await readFile(`${directory}/${name}.json`, 'utf8')) as T;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return absent;
      throw error;
    }
  };
  const write = async (name: string, value: unknown): Promise<void> =>
    void (await replaceFile(`${directory}/${name}.json`, JSON.stringify(value), 0o600));
  return {
    owned: () => read<Owned>('owned', { bridges: [], tunnels: [], namespaces: [] }),
    keepOwned: (owned) => write('owned', owned),
    applied: () => read<Applied>('applied', { permissions: { ports: {}, groups: {} }, translations: {} }),
    keepApplied: (applied) => write('applied', applied),
    wish: () => read<HostWish | null>('wish', null),
    keepWish: (wish) => write('wish', wish),
    forget: () => rm(directory, { recursive: true, force: true }),
  };
}
