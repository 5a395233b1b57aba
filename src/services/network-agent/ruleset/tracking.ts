import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { runCommand } from '../../../lib/command/run-command.ts';
import { unsupported } from '../../../lib/errors.ts';
import type { Tracking } from './host-ruleset.ts';

const directory = '/proc/sys/net/bridge';
/** br_netfilter hands bridged IP packets to conntrack; ARP stays with the bridge's own rules. */
const wanted: Readonly<Record<string, string>> = {
  'bridge-nf-call-iptables': '1',
  'bridge-nf-call-ip6tables': '1',
  'bridge-nf-call-arptables': '0',
};

/** How this kernel can tell replies on a bridge: br_netfilter where it is there (it sees every family), else bridge conntrack. */
export async function probeTracking(signal: AbortSignal): Promise<Tracking> {
  if (existsSync(directory)) return 'br-netfilter-mark';
  const input =
    'table bridge kn_probe {\n  chain c {\n    type filter hook forward priority 0;\n    meta ibrname "x" ct state established accept;\n  }\n}\n';
  const { exitCode } = await runCommand({ program: 'nft', args: ['--check', '-f', '-'], input, answers: [1], signal });
  if (exitCode === 0) return 'bridge-conntrack';
  throw unsupported(
    'This kernel can follow no connections on a bridge: it has neither br_netfilter nor NF_CONNTRACK_BRIDGE, so security groups cannot be kept.',
  );
}

/** Keeps the kernel settings true that the rules rest on. */
export async function keepSettings(tracking: Tracking, signal: AbortSignal): Promise<void> {
  if (tracking === 'bridge-conntrack') return;
  const wrong: string[] = [];
  for (const [key, value] of Object.entries(wanted))
    if ((await readFile(`${directory}/${key}`, 'utf8')).trim() !== value) wrong.push(`net.bridge.${key}=${value}`);
  if (wrong.length > 0) await runCommand({ program: 'sysctl', args: ['-q', '-w', ...wrong], signal });
}
