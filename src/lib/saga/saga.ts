import type { WireError } from '../errors.ts';

/** What a step is given. Parameters and results are JSON: they are logged before the next step and read back after a crash. */
export interface StepContext<Params, Results, Deps> {
  readonly sagaId: string;
  readonly params: Params;
  /** What the steps before this one gave. */
  readonly results: Results;
  readonly deps: Deps;
  /** The same each time this step of this saga runs: for commands that must happen once. */
  readonly idempotencyKey: string;
  /** Aborted when the saga is cancelled (before its point of no return), its lease is lost, or the process stops. */
  readonly signal: AbortSignal;
  /**
   * Has this written in the transaction that logs the end of the step, in the database of the saga: both happen or neither, by one
   * commit instead of two. When it throws the step has failed.
   */
  readonly alongside: (write: (transaction: never) => Promise<void>) => void;
}

export interface UndoContext<Params, Results, Deps> extends StepContext<Params, Results, Deps> {
  /** Why the saga is being undone. */
  readonly failure: WireError;
}

export interface Step<Params, Before, Result, Deps> {
  /** May run twice; when it fails it leaves nothing behind. */
  readonly run: (context: StepContext<Params, Before, Deps>) => Promise<Result>;
  /**
   * Takes back what `run` did; may run twice, and never needs what later steps did. It also runs for a step that may have been
   * cut off half-way: then `results` has no entry for the step itself.
   */
  readonly undo?: (context: UndoContext<Params, Before & Partial<Readonly<Record<string, unknown>>>, Deps>) => Promise<void>;
  /**
   * What later steps are told in the place of the result when an operator has the step passed over; they get null without it. Only
   * steps past the point of no return are passed over; it reads, and asks no host.
   */
  readonly passedOver?: (context: StepContext<Params, Before, Deps>) => Promise<Result>;
  /** Seconds the step may go on failing for want of an answer (`unavailable`) before the saga is undone. Default 60. */
  readonly patienceSeconds?: number;
}

/** A step whose types have been checked and forgotten. */
export interface AnyStep {
  readonly name: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the engine handles steps of all sagas
  readonly run: (context: StepContext<any, any, any>) => Promise<unknown>;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  readonly undo: ((context: UndoContext<any, any, any>) => Promise<void>) | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  readonly passedOver: ((context: StepContext<any, any, any>) => Promise<unknown>) | null;
  readonly patienceSeconds: number;
  /** Past the point of no return: retried until it works, never undone. */
  readonly forwardOnly: boolean;
}

/** A long operation: steps, each with its undo beside it. */
export interface Saga<Params = unknown, Deps = unknown> {
  readonly name: string;
  readonly steps: readonly AnyStep[];
  /** Seconds after its beginning when it is undone, if it has not passed the point of no return by then. */
  readonly deadlineSeconds: number;
  /** Never set: carries the types. */
  readonly types?: { readonly params: Params; readonly deps: Deps };
}

type Prettify<T> = { readonly [K in keyof T]: T[K] };

/** A saga in the making. A step that reads what no earlier step gave does not compile. */
export interface SagaBuilder<Params, Deps, Results> extends Saga<Params, Deps> {
  step<const Name extends string, Result>(
    name: Name,
    step: Step<Params, Results, Result, Deps>,
  ): SagaBuilder<Params, Deps, Prettify<Results & Readonly<Record<Name, Result>>>>;
  /** From here on only forward: further steps are retried until they work. */
  pointOfNoReturn(): SagaBuilder<Params, Deps, Results>;
}

/** Nothing that a user waits for takes longer, unless it copies disks or memory. */
const hour = 3600;
/** The deadline of a saga that copies disks or memory. */
export const deadlineOfCopies = 24 * hour;

/** Begins the table of a saga. */
export function saga<Params, Deps>(
  name: string,
  { deadlineSeconds = hour }: { readonly deadlineSeconds?: number } = {},
): SagaBuilder<Params, Deps, Readonly<Record<never, never>>> {
  const extend = <Results>(steps: readonly AnyStep[], forwardOnly: boolean): SagaBuilder<Params, Deps, Results> => ({
    name,
    steps,
    deadlineSeconds,
    step: (stepName, { run, undo, passedOver, patienceSeconds = 60 }) => {
      if (steps.some((step) => step.name === stepName)) throw new Error(`saga ${name} has two steps named ${stepName}`);
      if (forwardOnly && undo !== undefined)
        throw new Error(`saga ${name}: step ${stepName} is past the point of no return and has an undo`);
      return extend(
        [...steps, { name: stepName, run, undo: undo ?? null, passedOver: passedOver ?? null, patienceSeconds, forwardOnly }] as AnyStep[],
        forwardOnly,
      );
    },
    pointOfNoReturn: () => extend(steps, true),
  });
  return extend([], false);
}
