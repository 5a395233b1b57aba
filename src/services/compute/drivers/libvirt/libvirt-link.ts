import type { Clock } from '../../../../lib/clock.ts';
import { messageOf, unavailable } from '../../../../lib/errors.ts';
import { connectLibvirt, parseUri, type LibvirtClient, type Transport } from '../../../../lib/libvirt/index.ts';
import type { Log } from '../../../../lib/log.ts';

/** A connection to libvirtd that comes back by itself when the daemon was away. Guests do not notice either. */
export interface LibvirtLink {
  /** The open connection; `unavailable` while there is none. */
  client(): LibvirtClient;
  /** What is wrong with it now, or null. */
  problem(): string | null;
  close(): Promise<void>;
}

export interface LibvirtLinkOptions {
  readonly uri: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs on each new connection before anybody uses it, such as to ask for events. */
  readonly onConnected: (client: LibvirtClient, again: boolean) => Promise<void>;
}

const firstRetryMs = 250;
const longestRetryMs = 5_000;

/** Connects, or throws `unavailable`; from then on connects again whenever the connection ends. */
export async function openLibvirtLink({ uri, clock, log, onConnected }: LibvirtLinkOptions): Promise<LibvirtLink> {
  const { transport: parsed, name } = parseUri(uri);
  if (parsed.kind === 'tls') throw unavailable(`libvirt over TLS (${uri}) is not for the agent: it works on its own host.`);
  const transport: Transport = parsed.kind === 'unix' ? parsed : { ...parsed, kind: 'tcp' };
  const stopping = new AbortController();
  let current: LibvirtClient | null = null;
  let problem: string | null = null;

  const connect = async (again: boolean): Promise<LibvirtClient> => {
    const client = await connectLibvirt({ transport, name, signal: stopping.signal });
    try {
      await onConnected(client, again);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  };
  try {
    current = await connect(false);
  } catch (error) {
    throw unavailable(`libvirt does not answer at ${uri}. Is libvirtd running?`, { cause: error });
  }
  const keep = async (): Promise<void> => {
    for (;;) {
      const ended = await current!.closed;
      if (stopping.signal.aborted) return;
      problem = `libvirt does not answer: ${ended.message}`;
      current = null;
      log.error({ err: ended, reason: ended.reason }, 'the connection to libvirt ended');
      for (let waitMs = firstRetryMs; current === null; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
        try {
          await clock.sleep(waitMs, stopping.signal);
          current = await connect(true);
        } catch (error) {
          if (stopping.signal.aborted) return;
          problem = `libvirt does not answer: ${messageOf(error)}`;
        }
      }
      problem = null;
      log.info('connected to libvirt again');
    }
  };
  const kept = keep();
  return {
    client() {
      if (current === null) throw unavailable(problem ?? 'libvirt does not answer.', { code: 'hypervisor-away' });
      return current;
    },
    problem: () => problem,
    async close() {
      stopping.abort(new Error('closed'));
      current?.close();
      await kept;
    },
  };
}
