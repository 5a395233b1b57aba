import { readFile } from 'node:fs/promises';
import { keepDaemon, endProcesses, send, type RunningDaemon } from '../daemons/daemon.ts';
import { dhcpNamespace } from '../names.ts';
import { digest } from '../state/digest.ts';
import { replaceFile } from '../state/replace-file.ts';
import type { CheckedNetwork } from '../wish/checked-wish.ts';
import { dhcpConfig, type DhcpConfigOptions } from './dhcp-config.ts';

/** What the running process has read: kept beside its files, so that an agent that was away knows whether to tell it something. */
interface Loaded {
  readonly digest: string;
  /** Every address the process gave to a card since it began. It remembers them, too, and would refuse an address to another card. */
  readonly given: Readonly<Record<string, string>>;
}

/** Lets the network's DHCP server run and know the wish. New leases are read in place; only an address that changed hands needs a new process. */
export async function keepDhcpServer(
  network: CheckedNetwork,
  options: DhcpConfigOptions,
  running: readonly RunningDaemon[],
  signal: AbortSignal,
): Promise<void> {
  const config = dhcpConfig(network, options);
  const { directory } = options;
  const configPath = `${directory}/dnsmasq-${digest(config.main)}.conf`;
  await replaceFile(configPath, config.main);
  await replaceFile(`${directory}/hosts`, config.hosts);
  await replaceFile(`${directory}/options`, config.options);
  await replaceFile(`${directory}/names`, config.names);

  const loadedPath = `${directory}/loaded.json`;
  const loaded = await readLoaded(loadedPath);
  const changedHands = Object.entries(config.given).some(([address, mac]) => (loaded?.given[address] ?? mac) !== mac);
  const own = running.filter((process) => process.words.some((word) => word.includes(`${directory}/`)));
  if (changedHands)
    await endProcesses(
      own.filter(({ program }) => program === 'dnsmasq').map(({ pid }) => pid),
      signal,
    );
  const { pid, started } = await keepDaemon(
    { program: 'dnsmasq', namespace: dhcpNamespace(network.id), configPath, args: [`--conf-file=${configPath}`] },
    changedHands ? own.filter(({ program }) => program !== 'dnsmasq') : own,
    signal,
  );
  const wanted = digest(`${config.hosts}\0${config.options}\0${config.names}`);
  if (pid !== null && !started && loaded?.digest !== wanted) send(pid, 'SIGHUP');
  await replaceFile(
    loadedPath,
    JSON.stringify({ digest: wanted, given: started ? config.given : { ...loaded?.given, ...config.given } } satisfies Loaded),
  );
}

async function readLoaded(path: string): Promise<Loaded | null> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file
    return JSON.parse(await readFile(path, 'utf8')) as Loaded;
  } catch {
    return null;
  }
}
