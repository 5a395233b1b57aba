import { runCommand } from '../../../lib/command/run-command.ts';

export interface Forgotten {
  readonly address: string;
  /** Conntrack zone; null leaves the zone open. */
  readonly zone: number | null;
  /** A router's namespace, where the address is a floating one; null for the host, where it is a port's. */
  readonly namespace: string | null;
}

/** Makes the kernel judge the connections of these addresses anew: those they began and those they were called by. */
export async function forgetConnections(all: readonly Forgotten[], signal: AbortSignal): Promise<void> {
  const groups = Map.groupBy(all, ({ address, zone, namespace }) => `${address.includes(':')} ${zone} ${namespace}`);
  for (const group of groups.values()) await forgetGroup(group, signal);
}

/** Deleting walks the kernel's whole table for every address, so it is done only for those that have connections. */
async function forgetGroup(group: readonly Forgotten[], signal: AbortSignal): Promise<void> {
  const [first] = group;
  if (first === undefined) return;
  const { zone, namespace } = first;
  const scope = ['-f', first.address.includes(':') ? 'ipv6' : 'ipv4', ...(zone === null ? [] : ['--zone', String(zone)])];
  const within = { signal, ...(namespace === null ? {} : { namespace }) };
  const { stdout } = await runCommand({ program: 'conntrack', args: ['-L', ...scope], maxOutputBytes: 256 * 1024 * 1024, ...within });
  const seen = new Set(stdout.match(/(?<=(?:src|dst)=)\S+/g));
  const addresses = [...new Set(group.map(({ address }) => address))].filter((address) => seen.has(address));
  const sides = namespace === null ? ['--orig-src', '--orig-dst'] : ['--orig-dst', '--reply-dst'];
  const queue = addresses.flatMap((address) => sides.map((side) => [side, address])).values();
  const worker = async (): Promise<void> => {
    for (const side of queue) await runCommand({ program: 'conntrack', args: ['-D', ...scope, ...side], answers: [1], ...within }); // 1: there was none
  };
  await Promise.all([worker(), worker(), worker(), worker()]); // a batch by `conntrack -R` would be one process, but it leaves entries out
}
