import { runCommand } from '../../../lib/command/run-command.ts';
import type { DesiredBridge } from './desired-host.ts';
import { planPeers } from './plan-links.ts';
import { takeSteps } from './take-steps.ts';

/** Lets a tunnel flood to the other hosts of the cloud and to no others. */
export async function keepPeers(tunnel: NonNullable<DesiredBridge['tunnel']>, signal: AbortSignal): Promise<void> {
  const { stdout } = await runCommand({ program: 'bridge', args: ['fdb', 'show', 'dev', tunnel.name], signal });
  const flooded = [...stdout.matchAll(/^00:00:00:00:00:00 dst (\S+)/gm)].map((match) => match[1] ?? '');
  await takeSteps(planPeers(tunnel, flooded), signal);
}
