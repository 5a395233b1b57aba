import { runCommand } from '../../../lib/command/run-command.ts';
import { digest } from '../state/digest.ts';

export interface RulesetPlace {
  readonly family: 'bridge' | 'ip';
  readonly table: string;
  /** The namespace it is for; null for the host. */
  readonly namespace: string | null;
}

const within = ({ namespace }: RulesetPlace): { readonly namespace?: string } => (namespace === null ? {} : { namespace });

/** Whether the table holds this very ruleset: its digest is the name of an empty chain in it. */
async function isInstalled(place: RulesetPlace, name: string, signal: AbortSignal): Promise<boolean> {
  const { exitCode } = await runCommand({
    program: 'nft',
    args: ['list', 'chain', place.family, place.table, name],
    answers: [1],
    signal,
    ...within(place),
  });
  return exitCode === 0;
}

/** Puts a ruleset in force, in one transaction, unless it is in force. Answers whether it had to. */
export async function installRuleset(place: RulesetPlace, text: string, signal: AbortSignal): Promise<boolean> {
  const name = `digest_${digest(text)}`;
  if (await isInstalled(place, name, signal)) return false;
  await runCommand({
    program: 'nft',
    args: ['-f', '-'],
    input: `${text}table ${place.family} ${place.table} {\n  chain ${name} { }\n}\n`,
    signal,
    ...within(place),
  });
  return true;
}

/** Takes a cloud's tables away; those that are not there do not matter. */
export async function removeTables(table: string, signal: AbortSignal): Promise<void> {
  const input = ['bridge', 'inet', 'ip'].map((family) => `table ${family} ${table} { }\ndelete table ${family} ${table}\n`).join('');
  await runCommand({ program: 'nft', args: ['-f', '-'], input, signal });
}
