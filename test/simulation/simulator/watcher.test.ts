import { expect, test } from 'vitest';
import { powerStates, type PowerState } from '../../../src/domain/instance.ts';
import type { FakeGuest } from '../../../src/services/compute/drivers/fake/guest-book.ts';
import { watcher } from './watcher.ts';

const guest = (powerState: PowerState): FakeGuest => ({
  id: 'g',
  name: 'g',
  displayName: 'g',
  vcpus: 1,
  memoryMb: 1,
  diskGb: 1,
  powerState,
  suspended: false,
  console: '',
  ports: [],
  volumes: [],
});
const command = (key: string, epoch: number) => ({ method: 'destroy', args: {}, key, epoch });

test('a guest that runs on two hosts at once is broken; one that arrives while it leaves, or is off on one of them, is not', () => {
  const seen = watcher(() => 0, null);
  seen.book.put('host-1', guest(powerStates.running));
  seen.book.put('host-2', guest(powerStates.running));
  seen.book.remove('host-1', 'g');
  seen.afterStep();
  seen.book.put('host-1', guest(powerStates.shutdown));
  seen.afterStep();
  expect(seen.problems).toEqual([]);
  seen.book.put('host-1', guest(powerStates.paused));
  seen.afterStep();
  expect(seen.problems).toEqual(['at 0.000 s: guest g runs on host-1 and host-2 at once']);
});

test('a host that obeys an older epoch than it has heard of is broken; one that refuses, or repeats what it once answered, is not', () => {
  const seen = watcher(() => 0, null);
  const answer = { result: null };
  seen.judged({ topic: 'compute.a', call: command('s/1/x', 1), answer });
  seen.judged({ topic: 'compute.a', call: command('s/2/x', 2), answer });
  seen.judged({ topic: 'compute.a', call: command('s/1/x', 1), answer });
  seen.judged({ topic: 'compute.b', call: command('s/1/y', 1), answer });
  seen.judged({ topic: 'compute.a', call: command('s/1/y', 1), answer: { error: { kind: 'conflict', message: 'stale' } } });
  expect(seen.problems).toEqual([]);
  seen.judged({ topic: 'compute.a', call: command('s/1/z', 1), answer });
  expect(seen.problems).toEqual(['at 0.000 s: compute.a obeyed destroy s/1/z of epoch 1, though it had heard of epoch 2']);
});
