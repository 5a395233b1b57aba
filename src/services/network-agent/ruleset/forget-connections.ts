import { runCommand } from '../../../lib/command/run-command.ts';

export interface Forgotten {
  readonly address: string;
  /** Conntrack zone; null leaves the zone open. */
  readonly zone: number | null;
  readonly namespace: string | null;
}

/** Makes the kernel judge an address's connections anew: both those it began and those it was called by, before and after translation. */
export async function forgetConnections(all: readonly Forgotten[], signal: AbortSignal): Promise<void> {
  for (const { address, zone, namespace } of all) {
    for (const side of ['--orig-src', '--orig-dst', '--reply-src', '--reply-dst']) {
      await runCommand({
        program: 'conntrack',
        args: ['-D', '-f', address.includes(':') ? 'ipv6' : 'ipv4', ...(zone === null ? [] : ['--zone', String(zone)]), side, address],
        answers: [1], // there was none
        signal,
        ...(namespace === null ? {} : { namespace }),
      });
    }
  }
}
