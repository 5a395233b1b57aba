import { conflict, fromWireError, invalid, KilonovaError, toWireError, unsupported } from '../errors.ts';
import { validatorOf } from '../http/validation.ts';
import type { Contract, Handlers } from './contract.ts';
import { memoryJournal, type CommandJournal, type CommandOutcome } from './journal.ts';

/** A call as it crosses a bus. */
export interface Call {
  readonly method: string;
  readonly args: unknown;
  readonly key: string;
  readonly epoch: number;
}

export type CallAnswer = CommandOutcome | { readonly pending: true };

/** How long one delivery of a command may wait for its end before the caller is told to ask again. */
const patienceMs = 15_000;

/**
 * Runs the handlers of a contract for calls from any transport: judges the arguments, runs a command once for its key,
 * answers a repeated key from the journal, and refuses commands of an older epoch.
 */
export function createDispatcher<C extends Contract>(contract: C, handlers: Handlers<C>, journal: CommandJournal = memoryJournal()) {
  const running = new Map<string, Promise<CommandOutcome>>();
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
    if (inFlight !== undefined) return inFlight;
    const started = run(call).then((outcome) => {
      // a failure because we are stopping is not the command's outcome: it is run again after the restart
      if (!stopping.signal.aborted) journal.record(call.key, outcome);
      running.delete(call.key);
      return outcome;
    });
    running.set(call.key, started);
    return started;
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
      if (done !== null) return done;
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
      await Promise.allSettled(running.values());
    },
  };
}

/** The result an answer holds (null where the method answers nothing), or its error thrown. */
export function unwrap(outcome: CommandOutcome): unknown {
  if ('error' in outcome) throw fromWireError(outcome.error);
  return outcome.result;
}
