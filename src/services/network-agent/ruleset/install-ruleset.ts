import { runCommand } from '../../../lib/command/run-command.ts';
import { digest } from '../state/digest.ts';

export interface RulesetPlace {
  readonly family: 'bridge' | 'ip';
  readonly table: string;
  /** The namespace it is for; null for the host. */
  readonly namespace: string | null;
}

const within = ({ namespace }: RulesetPlace): { readonly namespace?: string } => (namespace === null ? {} : { namespace });

/** Names of the tables of one family. Their contents are not read: with many ports that takes seconds. */
async function readTables(place: RulesetPlace, signal: AbortSignal): Promise<readonly string[]> {
  const { stdout } = await runCommand({ program: 'nft', args: ['list', 'tables', place.family], signal, ...within(place) });
  return [...stdout.matchAll(/^table \w+ (\S+)$/gm)].map((match) => match[1] ?? '');
}

/**
 * Puts a ruleset in force, in one transaction, unless it is in force: an empty table beside it says by its name which one is.
 * Answers whether it had to.
 */
export async function installRuleset(place: RulesetPlace, text: string, signal: AbortSignal): Promise<boolean> {
  const { family, table } = place;
  const seal = `${table}.${digest(text)}`;
  const tables = await readTables(place, signal);
  if (tables.includes(table) && tables.includes(seal)) return false;
  const old = tables.filter((name) => name.startsWith(`${table}.`)).map((name) => `delete table ${family} ${name}\n`);
  await runCommand({
    program: 'nft',
    args: ['-f', '-'],
    input: `${old.join('')}${text}table ${family} ${seal} { }\n`,
    signal,
    ...within(place),
  });
  return true;
}

/** Takes a cloud's tables away; those that are not there do not matter. */
export async function removeTables(table: string, signal: AbortSignal): Promise<void> {
  const seals = (await readTables({ family: 'bridge', table, namespace: null }, signal))
    .filter((name) => name.startsWith(`${table}.`))
    .map((name) => `delete table bridge ${name}\n`);
  const tables = ['bridge', 'inet', 'ip'].map((family) => `table ${family} ${table} { }\ndelete table ${family} ${table}\n`);
  await runCommand({ program: 'nft', args: ['-f', '-'], input: [...seals, ...tables].join(''), signal });
}
