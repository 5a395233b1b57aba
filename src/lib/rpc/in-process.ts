import { unavailable } from '../errors.ts';
import type { Bus } from './bus.ts';
import type { Client, CommandOptions, Contract, Handlers } from './contract.ts';
import { createDispatcher, unwrap, type Call } from './dispatcher.ts';

type Server = ReturnType<typeof createDispatcher>;

/** A bus inside one process. What it carries is copied, as a network would, so that no two services share an object. */
export function inProcessBus(): Bus {
  const topics = new Map<string, Server[]>();
  return {
    serve<C extends Contract>(topic: string, contract: C, handlers: Handlers<C>, options = {}) {
      const server = createDispatcher(contract, handlers, (options as { journal?: never }).journal) as Server;
      topics.set(topic, [...(topics.get(topic) ?? []), server]);
      return Promise.resolve({
        async [Symbol.asyncDispose]() {
          topics.set(topic, (topics.get(topic) ?? []).filter((other) => other !== server));
          await server.stop();
        },
      });
    },
    client<C extends Contract>(topic: string, contract: C): Client<C> {
      const call = async (method: string, args: unknown, options: Partial<CommandOptions> = {}): Promise<unknown> => {
        const message: Call = { method, args, key: options.key ?? '', epoch: options.epoch ?? 0 };
        for (;;) {
          options.signal?.throwIfAborted();
          const server = topics.get(topic)?.[0];
          if (server === undefined) throw unavailable(`Nobody serves '${topic}' now.`, { code: 'no-responders' });
          const answer = await server.handle(structuredClone(message));
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
