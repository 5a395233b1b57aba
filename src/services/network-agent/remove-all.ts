import { rm } from 'node:fs/promises';
import { runDirectory, tableName } from './names.ts';
import { removeUnwished } from './remove-unwished.ts';
import { removeTables } from './ruleset/install-ruleset.ts';
import { openRecords } from './state/records.ts';
import type { Problem } from './wish/problem.ts';

/** Takes everything of one cloud off this host, by its own records: for `kilonova reset` and for tests. No agent of the cloud may run meanwhile. */
export async function removeAll(options: {
  readonly cloudId: string;
  readonly statePath: string;
  readonly signal?: AbortSignal;
}): Promise<readonly Problem[]> {
  const signal = options.signal ?? new AbortController().signal;
  const directory = runDirectory(options.cloudId);
  const records = openRecords(options.statePath, options.cloudId);
  const problems: Problem[] = [];
  await removeUnwished({ bridges: [], namespaces: [] }, { records, runDirectory: directory, verified: new Map() }, problems, signal);
  await removeTables(tableName(options.cloudId), signal);
  const { bridges } = await records.owned();
  for (const name of bridges) problems.push({ resource: 'bridge', id: name, message: 'A guest is still plugged into it.' });
  if (problems.length > 0) return problems;
  await records.forget();
  await rm(directory, { recursive: true, force: true });
  return [];
}
