import { expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { unavailable } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import type { ComputeHost } from './compute-host.ts';
import { removeStale } from './remove-stale.ts';

test('a host that starts tells what it has removed until it is heard', async () => {
  const destroyed: string[] = [];
  const told: object[] = [];
  let deaf = 2;
  const host = {
    host: 'host-1',
    clock: systemClock,
    log: silentLog,
    driver: { destroy: (id: string) => Promise.resolve(void destroyed.push(id)) },
    conductor: {
      staleGuestsRemoved: (what: object) => (deaf-- > 0 ? Promise.reject(unavailable('no answer')) : Promise.resolve(void told.push(what))),
    },
  } as unknown as ComputeHost;
  await removeStale(host, { setAside: [], evacuated: [{ instanceId: 'one', moveId: 'move', made: true }] }, new AbortController().signal);
  expect({ destroyed, told }).toEqual({ destroyed: ['one'], told: [{ host: 'host-1', moveIds: ['move'] }] });
});
