import { createHash } from 'node:crypto';
import { powerStates, type PowerState } from '../../../src/domain/instance.ts';
import type { Call, CallAnswer } from '../../../src/lib/rpc/dispatcher.ts';
import type { FakeGuest, GuestBook } from '../../../src/services/compute/drivers/fake/guest-book.ts';

/** Looks at every step of a simulation, and keeps what has happened. */
export interface Watcher {
  readonly book: GuestBook;
  readonly judged: (command: { readonly topic: string; readonly call: Call; readonly answer: CallAnswer }) => void;
  readonly trace: (line: string) => void;
  /** Said to whoever looks on, and no part of the fingerprint. */
  readonly note: (line: string) => void;
  /** A promise was not kept. */
  readonly broken: (what: string) => void;
  /** Nothing is runnable any more: what must hold at every moment is compared. */
  afterStep(): void;
  readonly problems: readonly string[];
  /** Of everything that was traced. */
  fingerprint(): string;
  readonly lines: number;
}

const runs: ReadonlySet<PowerState> = new Set<PowerState>([powerStates.running, powerStates.paused]);

export function watcher(now: () => number, say: ((line: string) => void) | null): Watcher {
  const began = now();
  const hash = createHash('sha256');
  const problems: string[] = [];
  const guests = new Map<string, Map<string, FakeGuest>>();
  const touched = new Set<string>();
  /** The newest epoch of each subject that a host has heard of. */
  const epochs = new Map<string, number>();
  /** Keys that were answered once: what is answered again is not done again. */
  const answered = new Set<string>();
  let lines = 0;

  const trace = (line: string): void => {
    const text = `${((now() - began) / 1000).toFixed(3)} ${line}`;
    lines++;
    hash.update(`${text}\n`);
    say?.(text);
  };
  const broken = (what: string): void => {
    trace(`BROKEN ${what}`);
    problems.push(`at ${((now() - began) / 1000).toFixed(3)} s: ${what}`);
  };
  const at = (host: string): Map<string, FakeGuest> => {
    const here = guests.get(host) ?? new Map<string, FakeGuest>();
    guests.set(host, here);
    return here;
  };
  return {
    problems,
    get lines() {
      return lines;
    },
    trace,
    note: (line) => say?.(`${((now() - began) / 1000).toFixed(3)}   ${line}`),
    broken,
    fingerprint: () => hash.copy().digest('hex'),
    book: {
      ofHost: (host) => [...at(host).values()],
      put(host, guest) {
        trace(`guest ${guest.id} on ${host} is ${guest.powerState}`);
        at(host).set(guest.id, guest);
        touched.add(guest.id);
      },
      remove(host, id) {
        if (at(host).delete(id)) trace(`guest ${id} is not on ${host} any more`);
      },
      close: () => undefined,
    },
    judged({ topic, call, answer }) {
      const subject = `${topic} ${call.key.split('/')[0]}`;
      const newest = epochs.get(subject) ?? 0;
      const isNew = !answered.has(`${topic} ${call.key}`);
      if (!('pending' in answer)) answered.add(`${topic} ${call.key}`);
      if (call.epoch >= newest) epochs.set(subject, call.epoch);
      else if (isNew && !('error' in answer) && !('pending' in answer))
        broken(`${topic} obeyed ${call.method} ${call.key} of epoch ${call.epoch}, though it had heard of epoch ${newest}`);
    },
    afterStep() {
      for (const id of touched) {
        const on = [...guests].flatMap(([host, here]) => (runs.has(here.get(id)?.powerState ?? powerStates.noState) ? [host] : []));
        if (on.length > 1) broken(`guest ${id} runs on ${on.join(' and ')} at once`);
      }
      touched.clear();
    },
  };
}
