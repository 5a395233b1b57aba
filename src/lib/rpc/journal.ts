import { DatabaseSync } from 'node:sqlite';
import type { WireError } from '../errors.ts';

/** How a command ended. */
export type CommandOutcome = { readonly result: unknown } | { readonly error: WireError };
/** The same as it is remembered: a failure with the calls that were told of it. */
export type KnownOutcome = { readonly result: unknown } | { readonly error: WireError; readonly calls?: readonly string[] };

/**
 * What a host has done, by idempotency key, so that what was done is not done again and an outdated command is refused. A command that
 * has failed is run again when it is asked for anew, and not when the same call arrives once more.
 */
export interface CommandJournal {
  outcome(key: string): KnownOutcome | null;
  record(key: string, outcome: KnownOutcome): void;
  /** The newest epoch seen for a subject. */
  epoch(subject: string): number;
  raiseEpoch(subject: string, epoch: number): void;
  close(): void;
}

export function memoryJournal(limit = 20_000): CommandJournal {
  const outcomes = new Map<string, KnownOutcome>();
  const epochs = new Map<string, number>();
  return {
    outcome: (key) => outcomes.get(key) ?? null,
    record(key, outcome) {
      outcomes.set(key, outcome);
      if (outcomes.size > limit) outcomes.delete(outcomes.keys().next().value!);
    },
    epoch: (subject) => epochs.get(subject) ?? 0,
    raiseEpoch: (subject, epoch) => void epochs.set(subject, epoch),
    close: () => undefined,
  };
}

/** A journal that survives the process. Entries older than `keepDays` are dropped when it is opened. */
export function fileJournal(path: string, now: () => number, keepDays = 14): CommandJournal {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS commands (key TEXT PRIMARY KEY, outcome TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS epochs (subject TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;`);
  database.prepare('DELETE FROM commands WHERE at < ?').run(now() - keepDays * 86_400_000);
  const find = database.prepare('SELECT outcome FROM commands WHERE key = ?');
  const insert = database.prepare('INSERT OR REPLACE INTO commands VALUES (?, ?, ?)');
  const findEpoch = database.prepare('SELECT epoch FROM epochs WHERE subject = ?');
  const insertEpoch = database.prepare('INSERT OR REPLACE INTO epochs VALUES (?, ?)');
  return {
    outcome(key) {
      const row = find.get(key);
      return row === undefined ? null : (JSON.parse(String(row['outcome'])) as KnownOutcome);
    },
    record: (key, outcome) => void insert.run(key, JSON.stringify(outcome), now()),
    epoch: (subject) => Number(findEpoch.get(subject)?.['epoch'] ?? 0),
    raiseEpoch: (subject, epoch) => void insertEpoch.run(subject, epoch),
    close: () => database.close(),
  };
}
