import { sql } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler } from '../../lib/reconciler/reconciler.ts';
import type { NetworkDatabase, Tx } from './store/tables.ts';

/** An agent that was not heard of for so long is down (Neutron's `agent_down_time`). */
export const agentDownMs = 75_000;

/** Which hosts' agents are alive. What is heard is kept in memory and written for all of them together. */
export interface AgentLiveness {
  /** The agent of a host has asked or reported; one that is heard for the first time becomes known. Answers whether it was new. */
  heard(host: string): Promise<boolean>;
  /** Whether ports can be bound to a host now. */
  isAlive(db: NetworkDatabase | Tx, host: string): Promise<boolean>;
  /** An agent was deleted: it becomes known anew when it is heard again. */
  forget(host: string): void;
  /** Writes what was heard now rather than soon. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export function startAgentLiveness({
  db,
  clock,
  ids,
  log,
}: {
  readonly db: NetworkDatabase;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}): AgentLiveness {
  const known = new Set<string>();
  let unwritten = new Map<string, number>();

  async function flush(): Promise<void> {
    const heard = [...unwritten];
    unwritten = new Map();
    if (heard.length === 0) return;
    const [hosts, times] = [heard.map(([host]) => host), heard.map(([, at]) => new Date(at))];
    await sql`UPDATE agents a SET heartbeat_timestamp = greatest(a.heartbeat_timestamp, h.at)
      FROM unnest(${hosts}::text[], ${times}::timestamptz[]) AS h(host, at) WHERE a.host = h.host`.execute(db);
  }

  const reconciler = startReconciler(
    {
      name: 'agents-heartbeats-are-written',
      everyMs: 5_000,
      async run() {
        const written = unwritten.size;
        await flush();
        return { written };
      },
    },
    { clock, log },
  );
  return {
    async heard(host) {
      unwritten.set(host, clock.now());
      if (known.has(host)) return false;
      const now = new Date(clock.now());
      const made = await db
        .insertInto('agents')
        .values({ id: ids.uuid(), host, created_at: now, started_at: now, heartbeat_timestamp: now })
        .onConflict((conflict) => conflict.column('host').doUpdateSet({ heartbeat_timestamp: now, started_at: now }))
        .returning(sql<boolean>`xmax = 0`.as('inserted'))
        .executeTakeFirst();
      known.add(host);
      return made?.inserted ?? false;
    },
    async isAlive(executor, host) {
      const agent = await executor
        .selectFrom('agents')
        .select(['admin_state_up', 'heartbeat_timestamp'])
        .where('host', '=', host)
        .executeTakeFirst();
      if (agent === undefined || !agent.admin_state_up) return false;
      return Math.max(Date.parse(agent.heartbeat_timestamp), unwritten.get(host) ?? 0) > clock.now() - agentDownMs;
    },
    forget(host) {
      known.delete(host);
      unwritten.delete(host);
    },
    flush,
    async stop() {
      await reconciler.stop();
      await flush();
    },
  };
}
