import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { readSettings } from '../../config/index.ts';
import { silentLog } from '../../lib/log.ts';
import { diskJudge, hostProblems } from './host-problems.ts';

test('a disk is full until there is a quarter more than the least', () => {
  const isFull = diskJudge(1000);
  expect([2000, 1000, 999, 1100, 1249, 1250, 1001, 999].map(isFull)).toEqual([false, false, true, true, true, false, false, true]);
});

test('a host says that its disk is full, beside what its driver lacks', async () => {
  const problemsOf = (leastMb: number, imageFiles: { readonly directory: string } | undefined): Promise<readonly string[]> =>
    hostProblems({
      driver: { problems: () => ['libvirt does not answer'], imageFiles } as never,
      settings: readSettings(`[DEFAULT]\ninstances_path = ${tmpdir()}\n[kilonova]\nleast_free_disk_mb = ${leastMb}\n`).settings,
      log: silentLog,
    })();
  const files = { directory: tmpdir() };
  expect(await problemsOf(0, files)).toEqual(['libvirt does not answer']);
  expect(await problemsOf(1_000_000_000, files)).toEqual(['libvirt does not answer', `less than 1000000000 MiB are free in ${tmpdir()}`]);
  expect(await problemsOf(1_000_000_000, undefined)).toEqual(['libvirt does not answer']);
});
