import { spawn } from 'node:child_process';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { watchDeaths } from './watch-deaths.ts';

test('the death of a watched process is told once, and that of another never', async () => {
  const start = () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const [one, two, other] = [start(), start(), start()];
  let [looks, deaths] = [0, 0];
  const watch = watchDeaths({
    pids: () => {
      looks++;
      return [one.pid!, two.pid!];
    },
    onDeath: () => void deaths++,
    clock: systemClock,
    everyMs: 5,
  });
  onTestFinished(() => watch.stop());
  const fewLooks = async (): Promise<void> => {
    const until = looks + 3;
    await vi.waitFor(() => expect(looks).toBeGreaterThan(until), 5000);
  };
  other.kill('SIGKILL');
  await fewLooks();
  expect(deaths).toBe(0);
  one.kill('SIGKILL');
  await vi.waitFor(() => expect(deaths).toBe(1), 5000);
  await fewLooks();
  expect(deaths).toBe(1);
  two.kill('SIGKILL');
  await vi.waitFor(() => expect(deaths).toBe(2), 5000);
});
