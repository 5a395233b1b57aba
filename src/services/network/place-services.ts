import { sql } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler, type Reconciler } from '../../lib/reconciler/reconciler.ts';
import { agentDownMs } from './agent-liveness.ts';
import type { NetworkDatabase } from './store/tables.ts';
import type { HostWishes } from './wish/host-wishes.ts';

/** After so long an agent that is down loses its DHCP servers and routers to another one: longer than a restart takes. */
const giveUpMs = 300_000;

interface Placed {
  readonly id: string;
  readonly old: string | null;
  readonly host: string;
}

/**
 * Keeps every network that has DHCP, and every router that is connected, on a host whose agent is alive: the one that serves least. What has a host stays there
 * until its agent has been down for long, and only moves when there is somewhere to move to.
 */
export function startPlacingServices({
  db,
  clock,
  log,
  wishes,
}: {
  readonly db: NetworkDatabase;
  readonly clock: Clock;
  readonly log: Log;
  readonly wishes: HostWishes;
}): Reconciler {
  return startReconciler(
    {
      name: 'networks-and-routers-are-served',
      everyMs: 10_000,
      async run() {
        const alive = new Date(clock.now() - agentDownMs);
        const lost = new Date(clock.now() - giveUpMs);
        // one process places at a time, so that two do not choose the same idle host for everything
        const moved = await db.transaction().execute(async (tx) => {
          await sql`SELECT pg_advisory_xact_lock(hashtextextended('network services are placed', 0))`.execute(tx);
          const { rows: agents } = await sql<{ host: string; load: number }>`SELECT a.host,
              (SELECT count(*) FROM networks n WHERE n.dhcp_host = a.host)::int + (SELECT count(*) FROM routers r WHERE r.host = a.host)::int AS load
            FROM agents a WHERE a.admin_state_up AND a.heartbeat_timestamp > ${alive}`.execute(tx);
          if (agents.length === 0) return [];
          const load = new Map(agents.map((agent) => [agent.host, agent.load]));
          const lightest = (): string => {
            const [host] = [...load].reduce((best, each) =>
              each[1] < best[1] || (each[1] === best[1] && each[0] < best[0]) ? each : best,
            );
            load.set(host, (load.get(host) ?? 0) + 1);
            return host;
          };
          const usable = sql`SELECT host FROM agents WHERE heartbeat_timestamp > ${lost}`;
          const { rows: networks } = await sql<{ id: string; old: string | null }>`SELECT n.id, n.dhcp_host AS old FROM networks n
            WHERE (n.dhcp_host IS NULL OR n.dhcp_host NOT IN (${usable})) AND EXISTS (SELECT 1 FROM subnets s WHERE s.network_id = n.id AND s.enable_dhcp) ORDER BY n.id`.execute(
            tx,
          );
          const { rows: routers } = await sql<{ id: string; old: string | null }>`SELECT r.id, r.host AS old FROM routers r
            WHERE (r.host IS NULL OR r.host NOT IN (${usable})) AND EXISTS (SELECT 1 FROM ports p WHERE p.device_id = r.id AND p.device_owner LIKE 'network:router%') ORDER BY r.id`.execute(
            tx,
          );
          const placed: Placed[] = [];
          for (const network of networks) {
            const host = lightest();
            await sql`UPDATE networks SET dhcp_host = ${host} WHERE id = ${network.id}`.execute(tx);
            placed.push({ ...network, host });
          }
          for (const router of routers) {
            const host = lightest();
            await sql`UPDATE routers SET host = ${host} WHERE id = ${router.id}`.execute(tx);
            placed.push({ ...router, host });
          }
          return placed;
        });
        if (moved.length > 0) {
          const hosts = new Set(moved.flatMap(({ old, host }) => (old === null ? [host] : [old, host])));
          wishes.changed({ networks: new Set(), leases: new Set(), groups: new Set(), routers: new Set(), hosts, events: false });
          for (const { id, old, host } of moved.filter((each) => each.old !== null))
            log.warn({ id, from: old, to: host }, 'a network service moved away from a host that is down');
        }
        return { placed: moved.length };
      },
    },
    { clock, log },
  );
}
