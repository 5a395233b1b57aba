import Type, { type Static, type TSchema, type TUnsafe } from 'typebox';

/** One method of a contract: what it takes and gives, and since which version of the contract it exists. */
export interface MethodSpec {
  readonly since: number;
  readonly args: TSchema;
  /** Left out: the method answers nothing. */
  readonly result?: TSchema;
  /**
   * `query` may be asked again at will; `command` changes something: it carries an idempotency key and an epoch, succeeds once for a
   * key however often it is sent, is tried again when it has failed and is asked for anew, and may take hours.
   */
  readonly kind: 'query' | 'command';
}

/** What one service may ask of another: a value (schemas) and, through `Client`, a type. */
export interface Contract<Methods extends Readonly<Record<string, MethodSpec>> = Readonly<Record<string, MethodSpec>>> {
  readonly name: string;
  readonly methods: Methods;
}

export const contract = <const Methods extends Readonly<Record<string, MethodSpec>>>(
  name: string,
  methods: Methods,
): Contract<Methods> => ({ name, methods });

type ResultOf<M extends MethodSpec> = M['result'] extends TSchema ? Static<M['result']> : void;

export interface QueryOptions {
  readonly signal?: AbortSignal;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

/** How a command is told apart from every other. */
export interface CommandOptions extends QueryOptions {
  /** The same key always means the same command; once it has succeeded, it gets the same answer. */
  readonly key: string;
  /** Grows each time the thing that is commanded changes owner; a host refuses commands of an older epoch. Default 0. */
  readonly epoch?: number;
}

/** The caller's end of a contract. */
export type Client<C extends Contract> = {
  readonly [M in keyof C['methods']]: C['methods'][M]['kind'] extends 'command'
    ? (args: Static<C['methods'][M]['args']>, options: CommandOptions) => Promise<ResultOf<C['methods'][M]>>
    : (args: Static<C['methods'][M]['args']>, options?: QueryOptions) => Promise<ResultOf<C['methods'][M]>>;
};

/** What a handler knows of the call beside its arguments. */
export interface CallContext {
  readonly signal: AbortSignal;
  /** Empty for a query. */
  readonly key: string;
  readonly epoch: number;
}

/** The answering end of a contract. A command's handler must bear being run again after a crash. */
export type Handlers<C extends Contract> = {
  readonly [M in keyof C['methods']]: (args: Static<C['methods'][M]['args']>, call: CallContext) => Promise<ResultOf<C['methods'][M]>>;
};

/** An argument or result whose shape the compiler checks on both ends; the bus checks only that it is an object. */
export const trusted = <T>(): TUnsafe<T> => Type.Unsafe<T>({ type: 'object' });
