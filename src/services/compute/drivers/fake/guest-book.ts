import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { GuestHolding } from '../../../../domain/guest-holding.ts';
import type { PowerState } from '../../../../domain/instance.ts';

/** A guest that exists only here. */
export interface FakeGuest {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly powerState: PowerState;
  /** Memory is kept on disk. */
  readonly suspended: boolean;
  readonly console: string;
  readonly rescued?: boolean;
  /** Ports of its interfaces. */
  readonly ports: readonly string[];
  /** Ids of its volumes. */
  readonly volumes: readonly string[];
  readonly holding?: GuestHolding;
}

/** Where fake guests are kept, by host. */
export interface GuestBook {
  ofHost(host: string): readonly FakeGuest[];
  put(host: string, guest: FakeGuest): void;
  remove(host: string, id: string): void;
  close(): void;
}

export const forgetfulBook: GuestBook = { ofHost: () => [], put: () => undefined, remove: () => undefined, close: () => undefined };

/** Guests that live on when the process ends; one file for all hosts. */
export function lastingBook(directory: string): GuestBook {
  mkdirSync(directory, { recursive: true });
  const database = new DatabaseSync(join(directory, 'fake-guests.sqlite'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS guests (host TEXT NOT NULL, id TEXT NOT NULL, guest TEXT NOT NULL, PRIMARY KEY (host, id)) WITHOUT ROWID;`);
  const all = database.prepare('SELECT guest FROM guests WHERE host = ?');
  const put = database.prepare('INSERT OR REPLACE INTO guests VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM guests WHERE host = ? AND id = ?');
  return {
    ofHost: (host) =>
      all
        .all(host)
        .map((row) => ({ ports: [], volumes: [], ...(JSON.parse(String(row['guest'])) as Omit<FakeGuest, 'ports' | 'volumes'>) })),
    put: (host, guest) => void put.run(host, guest.id, JSON.stringify(guest)),
    remove: (host, id) => void remove.run(host, id),
    close: () => database.close(),
  };
}
