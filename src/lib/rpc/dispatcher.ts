import { conflict, fromWireError, invalid, KilonovaError, toWireError, unsupported } from '../errors.ts';
import { validatorOf } from '../http/validation.ts';
import type { Contract, Handlers } from './contract.ts';
import { memoryJournal, type CommandJournal, type CommandOutcome } from './journal.ts';

/** A call as it crosses a bus. */
export interface Call {
  /** The same for every delivery of one call; another for each time somebody asks, be it under the same key. Without one each delivery is a call. */
  readonly id?: string;
  readonly method: string;
  readonly args: unknown;
  readonly key: string;
  readonly epoch: number;
}

export type CallAnswer = CommandOutcome | { readonly pending: true };

/** How long one delivery of a command may wait for its end before the caller is told to ask again. */
const patienceMs = 15_000;
/** Calls that are known to have been told of a failure, for one key. */
const rememberedCalls = 50;

/**
 * Runs the handlers of a contract for calls from any transport: judges the arguments, carries a command out once for its key,
 * answers a repeated key from the journal, and refuses commands of an older epoch. A command that has failed is tried again for a new call.
 */
export function createDispatcher<C extends Contract>(contract: C, handlers: Handlers<C>, journal: CommandJournal = memoryJournal()) {
  const running = new Map<string, { readonly outcome: Promise<CommandOutcome>; readonly calls: Set<string> }>();
  const stopping = new AbortController();

  const run = async (call: Call): Promise<CommandOutcome> => {
    try {
      const handler = handlers[call.method];
      const result = await handler!(call.args as never, { signal: stopping.signal, key: call.key, epoch: call.epoch });
      return { result: result ?? null };
    } catch (error) {
      return { error: toWireError(error) };
    }
  };

  const runOnce = (call: Call): Promise<CommandOutcome> => {
    const inFlight = running.get(call.key);
    if (inFlight !== undefined) {
      if (call.id !== undefined) inFlight.calls.add(call.id);
      return inFlight.outcome;
    }
    const calls = new Set(call.id === undefined ? [] : [call.id]);
    const outcome = run(call).then((ended) => {
      // a failure because we are stopping is not the command's outcome: it is run again after the restart
      if (!stopping.signal.aborted) journal.record(call.key, 'error' in ended ? { ...ended, calls: told(call.key, calls) } : ended);
      running.delete(call.key);
      return ended;
    });
    running.set(call.key, { outcome, calls });
    return outcome;
  };
  const told = (key: string, calls: ReadonlySet<string>): readonly string[] => {
    const before = journal.outcome(key);
    return [...(before !== null && 'error' in before ? (before.calls ?? []) : []), ...calls].slice(-rememberedCalls);
  };

  return {
    async handle(call: Call): Promise<CallAnswer> {
      const spec = Object.hasOwn(contract.methods, call.method) ? contract.methods[call.method] : undefined;
      if (spec === undefined)
        return {
          error: toWireError(unsupported(`The ${contract.name} contract here has no '${call.method}'; it is older than the caller.`)),
        };
      const issue = validatorOf(spec.args).check(call.args);
      if (issue !== null) return { error: toWireError(invalid(`${contract.name}.${call.method}: ${issue.path.join('.')} ${issue.text}`)) };
      if (spec.kind === 'query') return run(call);
      const done = journal.outcome(call.key);
      if (done !== null && !('error' in done)) return done;
      if (call.id !== undefined && done?.calls?.includes(call.id) === true) return { error: done.error };
      const subject = call.key.split('/')[0] ?? '';
      const newest = journal.epoch(subject);
      if (call.epoch < newest)
        return {
          error: toWireError(
            conflict(`A newer owner (epoch ${newest}) has taken over '${subject}' from epoch ${call.epoch}.`, { code: 'stale-epoch' }),
          ),
        };
      if (call.epoch > newest) journal.raiseEpoch(subject, call.epoch);
      const { promise: late, resolve } = Promise.withResolvers<CallAnswer>();
      const timer = setTimeout(() => resolve({ pending: true }), patienceMs);
      timer.unref();
      return Promise.race([runOnce(call), late]).finally(() => clearTimeout(timer));
    },
    /** Aborts what runs and waits for it. */
    async stop(): Promise<void> {
      stopping.abort(new KilonovaError('unavailable', 'The service is stopping.'));
      await Promise.allSettled([...running.values()].map(({ outcome }) => outcome));
    },
  };
}

/** The result an answer holds (null where the method answers nothing), or its error thrown. */
export function unwrap(outcome: CommandOutcome): unknown {
  if ('error' in outcome) throw fromWireError(outcome.error);
  return outcome.result;
}
