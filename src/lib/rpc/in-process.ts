import { randomUUID } from 'node:crypto';
import { unavailable } from '../errors.ts';
import type { Bus, ServeOptions } from './bus.ts';
import type { Client, CommandOptions, Contract, Handlers } from './contract.ts';
import { createDispatcher, unwrap, type Call } from './dispatcher.ts';

type Server = ReturnType<typeof createDispatcher>;

/** How long a query may take when its caller says nothing else. A command is asked about until it ends. */
const queryTimeoutMs = 10_000;

/** A bus inside one process. What it carries is copied, as a network would, so that no two services share an object. */
export function inProcessBus(): Bus {
  const topics = new Map<string, Server[]>();
  return {
    serve<C extends Contract>(topic: string, contract: C, handlers: Handlers<C>, options: ServeOptions = {}) {
      const server: Server = createDispatcher(contract, handlers, options.journal);
      topics.set(topic, [...(topics.get(topic) ?? []), server]);
      return Promise.resolve({
        async [Symbol.asyncDispose]() {
          topics.set(
            topic,
            (topics.get(topic) ?? []).filter((other) => other !== server),
          );
          await server.stop();
        },
      });
    },
    client<C extends Contract>(topic: string, contract: C): Client<C> {
      const call = async (method: string, args: unknown, options: Partial<CommandOptions> = {}): Promise<unknown> => {
        const message: Call = { id: randomUUID(), method, args, key: options.key ?? '', epoch: options.epoch ?? 0 };
        const patience = contract.methods[method]?.kind === 'query' ? (options.timeoutMs ?? queryTimeoutMs) : options.timeoutMs;
        for (;;) {
          options.signal?.throwIfAborted();
          const server = topics.get(topic)?.[0];
          if (server === undefined) throw unavailable(`Nobody serves '${topic}' now.`, { code: 'no-responders' });
          const answer = await noLonger(server.handle(structuredClone(message)), `${topic}.${method}`, options.signal, patience);
          if (!('pending' in answer)) return structuredClone(unwrap(answer));
        }
      };
      return Object.fromEntries(
        Object.keys(contract.methods).map((method) => [method, (args: unknown, options?: CommandOptions) => call(method, args, options)]),
      ) as unknown as Client<C>;
    },
    close: () => Promise.all([...topics.values()].flat().map((server) => server.stop())).then(() => undefined),
  };
}

/** Waits for an answer until the caller no longer does; what was asked for goes on by itself. */
async function noLonger<T>(answer: Promise<T>, what: string, signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<T> {
  if (signal === undefined && timeoutMs === undefined) return answer;
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => reject(unavailable(`${what} did not answer within ${timeoutMs / 1000} s.`, { code: 'timeout' })), timeoutMs);
  try {
    return await Promise.race([answer, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
