import type { Clock } from '../../../src/lib/clock.ts';
import { unavailable } from '../../../src/lib/errors.ts';
import type { Bus, ServeOptions } from '../../../src/lib/rpc/bus.ts';
import type { Client, CommandOptions, Contract, Handlers } from '../../../src/lib/rpc/contract.ts';
import { createDispatcher, unwrap, type Call, type CallAnswer } from '../../../src/lib/rpc/dispatcher.ts';
import type { Random } from './random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Weather } from './weather.ts';

/** Wires between machines, on which messages are lost, repeated, delayed and overtake each other. */
export interface SimulatedNetwork {
  /** The bus as a process on a machine reaches it. */
  busOf(process: SimulatedProcess, machine: string): Bus;
  /** A call to another service that is no part of the simulation but may be reached badly: not at all, or without its answer being heard. */
  callOf<T extends object>(process: SimulatedProcess, service: T, name: string): T;
  /** Nothing gets through to this machine, nor from it. */
  readonly cutOff: Set<string>;
}

export interface NetworkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly weather: Weather;
  /** A command has been judged by whom it was sent to. */
  readonly judged: (command: { readonly topic: string; readonly call: Call; readonly answer: CallAnswer }) => void;
  readonly trace: (line: string) => void;
}

interface Server {
  readonly process: SimulatedProcess;
  readonly machine: string;
  readonly handle: (call: Call) => Promise<CallAnswer>;
}

const queryTimeoutMs = 10_000;
/** A command that nobody has said a word about is sent again after so long, and given up in the end. */
const againMs = 3_000;
const giveUpMs = 12_000;

export function simulatedNetwork({ clock, random, weather, judged, trace }: NetworkDeps): SimulatedNetwork {
  const topics = new Map<string, Server[]>();
  const cutOff = new Set<string>();
  let messages = 0;

  const arrive = async (what: string, from: string, to: string, deliver: () => void): Promise<void> => {
    await clock.sleep(weather.delayMs(random));
    if (cutOff.has(from) || cutOff.has(to)) trace(`cut off ${what}`);
    else deliver();
  };
  /** Carries something once, more than once, or never. */
  const carry = (what: string, from: string, to: string, deliver: () => void): void => {
    const copies = random.chance(weather.lost) ? 0 : random.chance(weather.repeated) ? 2 : 1;
    if (copies !== 1) trace(`${copies === 0 ? 'lost' : 'twice'} ${what}`);
    for (let copy = 0; copy < copies; copy++) {
      void arrive(what, from, to, deliver);
    }
  };

  const answer = async (
    server: Server,
    name: string,
    machine: string,
    topic: string,
    call: Call,
    tell: (answer: CallAnswer) => void,
  ): Promise<void> => {
    const given = await server.handle(structuredClone(call));
    if (!server.process.alive) return;
    trace(`< ${name}${'error' in given ? ` ${given.error.kind}: ${given.error.message}` : ''}`);
    if (call.key !== '') judged({ topic, call, answer: given });
    carry(`answer to ${name}`, server.machine, machine, () => tell(structuredClone(given)));
  };
  /** One call and its answer, which may never come. */
  const send = (machine: string, topic: string, call: Call): Promise<CallAnswer> | null => {
    const servers = (topics.get(topic) ?? []).filter((server) => server.process.alive);
    if (servers.length === 0) return null;
    const server = random.pick(servers);
    const name = `${++messages} ${topic}.${call.method} ${call.key}`;
    return new Promise((resolve) => {
      carry(name, machine, server.machine, () => {
        if (!server.process.alive) return trace(`nobody there for ${name}`);
        trace(`> ${name}`);
        void answer(server, name, machine, topic, call, resolve);
      });
    });
  };

  /** Waits for an answer so long; null is none. */
  const within = async <T>(ms: number, answer: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> => {
    const waiting = new AbortController();
    try {
      return await Promise.race([
        answer,
        clock.sleep(ms, signal === undefined ? waiting.signal : AbortSignal.any([signal, waiting.signal])).then(() => null),
      ]);
    } finally {
      waiting.abort();
    }
  };

  const busOf = (process: SimulatedProcess, machine: string): Bus => ({
    serve<C extends Contract>(topic: string, contract: C, handlers: Handlers<C>, options: ServeOptions = {}) {
      const dispatcher = createDispatcher(contract, handlers, options.journal);
      const server: Server = { process, machine, handle: (call) => dispatcher.handle(call) };
      topics.set(topic, [...(topics.get(topic) ?? []).filter((other) => other.process.alive), server]);
      return Promise.resolve({
        async [Symbol.asyncDispose]() {
          topics.set(
            topic,
            (topics.get(topic) ?? []).filter((other) => other !== server),
          );
          await dispatcher.stop();
        },
      });
    },
    client<C extends Contract>(topic: string, contract: C): Client<C> {
      const call = async (method: string, args: unknown, options: Partial<CommandOptions> = {}): Promise<unknown> => {
        const message: Call = { method, args, key: options.key ?? '', epoch: options.epoch ?? 0 };
        const isQuery = contract.methods[method]?.kind === 'query';
        const began = clock.now();
        let heardAt = began;
        for (;;) {
          options.signal?.throwIfAborted();
          const answer = send(machine, topic, message);
          if (answer === null) {
            await clock.sleep(weather.delayMs(random), options.signal);
            throw unavailable(`Nobody serves '${topic}' now.`, { code: 'no-responders' });
          }
          const left = (options.timeoutMs ?? (isQuery ? queryTimeoutMs : Infinity)) - (clock.now() - began);
          const came = await within(isQuery ? left : Math.min(left, againMs), answer, options.signal);
          if (came !== null) {
            if (!('pending' in came)) return unwrap(came);
            heardAt = clock.now();
          }
          const late = clock.now() - began >= (options.timeoutMs ?? Infinity);
          if (came === null && (isQuery || late || clock.now() - heardAt >= giveUpMs))
            throw unavailable(`${topic}.${method} did not answer in time.`, { code: 'timeout' });
        }
      };
      return Object.fromEntries(
        Object.keys(contract.methods).map((method) => [
          method,
          (args: unknown, options?: CommandOptions) => process.reach(() => call(method, args, options)),
        ]),
      ) as unknown as Client<C>;
    },
    close: () => Promise.resolve(),
  });

  return {
    cutOff,
    busOf,
    callOf: (process, service, name) =>
      new Proxy(service, {
        get(target, key) {
          const method: unknown = Reflect.get(target, key);
          if (typeof method !== 'function') return method;
          return (...args: unknown[]) =>
            process.reach(async () => {
              await clock.sleep(weather.requestMs(random));
              if (random.chance(weather.unreachable)) {
                trace(`${process.name} does not reach ${name}.${String(key)}`);
                throw unavailable(`The ${name} service does not answer.`);
              }
              const answer: unknown = await Reflect.apply(method, target, args);
              if (random.chance(weather.unheard)) {
                trace(`${process.name} does not hear the answer of ${name}.${String(key)}`);
                throw unavailable(`The ${name} service does not answer.`);
              }
              return answer;
            });
        },
      }),
  };
}
