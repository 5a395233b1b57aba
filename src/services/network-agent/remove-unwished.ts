import { rm } from 'node:fs/promises';
import { endProcesses, readDaemons } from './daemons/daemon.ts';
import type { DesiredHost } from './links/desired-host.ts';
import { readLinks, readNamespace, readNamespaces } from './links/observed.ts';
import { takeSteps } from './links/take-steps.ts';
import type { Owned, Records } from './state/records.ts';
import { problemOf, type Problem } from './wish/problem.ts';

interface Deps {
  readonly records: Records;
  readonly runDirectory: string;
  /** Namespaces known to be right; a removed one is known no more. */
  readonly verified: Map<string, unknown>;
}

/** Takes away what is ours and not wished: servers, namespaces, then bridges nobody else is on. A bridge a guest is still on waits for it. */
export async function removeUnwished(desired: DesiredHost, deps: Deps, problems: Problem[], signal: AbortSignal): Promise<Owned> {
  const owned = await deps.records.owned();
  const left = { bridges: [] as string[], tunnels: [] as string[], namespaces: [] as string[] };
  const attempt = async (kept: string[], name: string, resource: string, work: () => Promise<boolean>): Promise<void> => {
    try {
      if (await work()) return;
    } catch (error) {
      signal.throwIfAborted();
      problems.push(problemOf(resource, name, error));
    }
    kept.push(name);
  };
  const wishedNamespaces = new Set(desired.namespaces.map(({ name }) => name));
  const running = owned.namespaces.every((name) => wishedNamespaces.has(name)) ? [] : await readDaemons(deps.runDirectory);
  for (const name of owned.namespaces) {
    if (wishedNamespaces.has(name)) left.namespaces.push(name);
    else
      await attempt(left.namespaces, name, 'namespace', async () => {
        deps.verified.delete(name);
        const directory = `${deps.runDirectory}/${name.replace(/^q(dhcp|router)-/, '')}`;
        await endProcesses(
          running.filter((process) => process.words.some((word) => word.includes(`${directory}/`))).map(({ pid }) => pid),
          signal,
        );
        await removeNamespace(name, signal);
        await rm(directory, { recursive: true, force: true });
        return true;
      });
  }
  const links = await readLinks(signal);
  const exists = (name: string): boolean => links.some((link) => link.name === name);
  const wishedTunnels = new Set(desired.bridges.flatMap(({ tunnel }) => (tunnel === null ? [] : [tunnel.name])));
  for (const name of owned.tunnels) {
    if (wishedTunnels.has(name)) left.tunnels.push(name);
    else await attempt(left.tunnels, name, 'tunnel', async () => (exists(name) ? removeLink(name, signal) : true));
  }
  const wishedBridges = new Set(desired.bridges.map(({ name }) => name));
  for (const name of owned.bridges) {
    if (wishedBridges.has(name)) left.bridges.push(name);
    else
      await attempt(left.bridges, name, 'bridge', async () => {
        if (!exists(name)) return true;
        return links.some((link) => link.bridge === name && !owned.tunnels.includes(link.name)) ? false : removeLink(name, signal);
      });
  }
  await deps.records.keepOwned(left);
  return left;
}

async function removeLink(name: string, signal: AbortSignal): Promise<true> {
  await takeSteps([{ program: 'ip', namespace: null, words: ['link', 'delete', 'dev', name] }], signal);
  return true;
}

/** The veth pairs go first: the kernel takes its time with what is left in a namespace. */
async function removeNamespace(name: string, signal: AbortSignal): Promise<void> {
  if (!readNamespaces().includes(name)) return;
  const { links } = await readNamespace(name, signal).catch(() => ({ links: [] })); // a name without a namespace, left by a crash
  await takeSteps(
    links
      .filter(({ kind }) => kind === 'veth')
      .map((link) => ({ program: 'ip', namespace: name, words: ['link', 'delete', 'dev', link.name] })),
    signal,
  );
  await takeSteps([{ program: 'ip', namespace: null, words: ['netns', 'delete', name] }], signal);
}
