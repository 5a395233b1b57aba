import { expect, test } from 'vitest';
import { explainFailure, isPassing } from './failures.ts';

test.each([
  [
    'FATAL:  could not write lock file "postmaster.pid": No space left on device',
    'There is no space left on the disk of /d: free some, then start again.',
  ],
  [
    'PANIC:  could not open file "pg_wal/1": Read-only file system',
    'The file system of /d is read-only: mount it writable, or choose another directory.',
  ],
  [
    'FATAL:  data directory "/d/data" has wrong ownership',
    'PostgreSQL may not use /d (data directory "/d/data" has wrong ownership): see to the owner and mode of what is in it.',
  ],
  [
    'PANIC:  could not locate a valid checkpoint record',
    'The data in /d is damaged (could not locate a valid checkpoint record): restore it from a backup.',
  ],
  ['FATAL:  the moon is full', 'PostgreSQL did not start: the moon is full.'],
  ['initdb: error: program "postgres" is needed', 'PostgreSQL did not start: program "postgres" is needed.'],
])('%s', (line, message) => {
  expect(
    explainFailure('PostgreSQL did not start', '/d', ['LOG:  starting PostgreSQL', line, 'LOG:  database system is shut down']).message,
  ).toBe(message);
});

test('only the leftovers of a killed server are worth waiting for', () => {
  expect(isPassing(['FATAL:  lock file "postmaster.pid" already exists'])).toBe(true);
  expect(isPassing(['FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use'])).toBe(true);
  expect(isPassing(['FATAL:  No space left on device'])).toBe(false);
});
