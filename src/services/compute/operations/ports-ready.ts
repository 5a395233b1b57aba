import type { GuestOrder } from '../../../domain/guest-order.ts';
import { internal, isKind } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';

/** Ports a guest waits for before its processors run. */
export interface AwaitedPorts extends Disposable {
  readonly awaited: readonly string[];
  /** Settles when all are reported ready, or cannot be. */
  readonly ready: Promise<void>;
}

/** How often the network is asked itself, in case its event got lost. */
const askEveryMs = 5_000;

/** Listens from now on for the network's word that the ports of an order are wired. */
export function portsReady(host: ComputeHost, order: GuestOrder, signal: AbortSignal): AwaitedPorts {
  const { vif_plugging_timeout: timeoutSeconds, vif_plugging_is_fatal: fatal } = host.settings.DEFAULT;
  const awaited =
    host.driver.ports === undefined || timeoutSeconds === 0 ? [] : order.networkInfo.filter((vif) => !vif.active).map((vif) => vif.portId);
  if (awaited.length === 0) return { awaited, ready: Promise.resolve(), [Symbol.dispose]: () => undefined };

  const missing = new Set(awaited);
  const done = new AbortController();
  const until = AbortSignal.any([signal, done.signal]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined); // a spawn that fails earlier never waits
  const arrived = (portId: string): void => {
    missing.delete(portId);
    if (missing.size === 0) resolve();
  };
  const giveUp = (why: string): void => {
    if (fatal) return reject(internal(`Virtual Interface creation failed: ${why}.`, { code: 'vif-plugging' }));
    host.log.warn({ instanceId: order.instanceId, ports: [...missing] }, 'ports were not reported ready; the guest starts without them');
    resolve();
  };
  const listening = host.networkEvents.expect(order.instanceId, (event) => {
    if (event.name !== 'network-vif-plugged' || event.tag === null || !missing.has(event.tag)) return;
    if (event.status === 'failed') giveUp(`the network could not wire port ${event.tag}`);
    else arrived(event.tag);
  });
  const ask = async (): Promise<void> => {
    for (;;) {
      await host.clock.sleep(askEveryMs, until);
      for (const portId of missing) {
        try {
          const { status } = await host.clients.network.port(host.identity.serviceSession, portId);
          if (status === 'ACTIVE') arrived(portId);
        } catch (error) {
          if (isKind(error, 'notFound')) return giveUp(`port ${portId} does not exist any more`);
          host.log.debug({ instanceId: order.instanceId, portId, err: error }, 'the network could not be asked for a port');
        }
      }
    }
  };
  const deadline = async (): Promise<void> => {
    await host.clock.sleep(timeoutSeconds * 1000, until);
    giveUp(`the network did not report port ${[...missing].join(', ')} ready within ${timeoutSeconds} s`);
  };
  for (const waiting of [ask(), deadline()]) waiting.catch(() => undefined); // ended by the signals
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    awaited,
    ready: promise,
    [Symbol.dispose]() {
      done.abort();
      signal.removeEventListener('abort', onAbort);
      listening[Symbol.dispose]();
    },
  };
}
