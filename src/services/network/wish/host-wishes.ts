import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { HostWish } from '../../../contracts/network-agent.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { startReconciler } from '../../../lib/reconciler/reconciler.ts';
import { agentNotFound } from '../neutron-errors.ts';
import type { NetworkDatabase } from '../store/tables.ts';
import type { Touched } from '../store/write.ts';
import { markAffectedHosts } from './affected-hosts.ts';
import { wishOfHost } from './wish-of-host.ts';
import { readWishRows } from './wish-rows.ts';

/** What hosts are to be like, kept ready for those who wait for it. */
export interface HostWishes {
  /** Something was changed and committed: hosts that it concerns are told, in the background. */
  changed(touched: Touched): void;
  /** The wish of a host once its revision is another than `after`, or after a while in any case. */
  wait(host: string, after: number, signal: AbortSignal): Promise<HostWish>;
  stop(): Promise<void>;
}

/** Below the patience of HTTP clients, which is 30 s. */
const longPollMs = 25_000;
/** A wish is made anew after so long even when nobody said that something changed. */
const maxAgeMs = 20_000;
/** How soon a change made by another process of this service is noticed. */
const lookEveryMs = 1_000;

interface Known {
  readonly wish: HostWish;
  readonly mark: number;
  readonly madeAt: number;
}

export function startHostWishes({
  db,
  clock,
  log,
}: {
  readonly db: NetworkDatabase;
  readonly clock: Clock;
  readonly log: Log;
}): HostWishes {
  const known = new Map<string, Known>();
  const making = new Map<string, Promise<Known>>();
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const stopping = new AbortController();

  const wake = (host: string): void => {
    waiting.get(host)?.resolve();
    waiting.delete(host);
  };
  const woken = (host: string): Promise<void> => {
    const waiter = waiting.get(host) ?? Promise.withResolvers<void>();
    waiting.set(host, waiter);
    return waiter.promise;
  };

  let pending: Touched[] = [];
  let marking: Promise<void> | null = null;
  /** Marks all that has gathered, again while more has. */
  async function markPending(): Promise<void> {
    while (pending.length > 0) {
      const gathered = pending;
      pending = [];
      const together = (key: 'networks' | 'leases' | 'groups' | 'routers' | 'hosts'): Set<string> =>
        new Set(gathered.flatMap((touched) => [...touched[key]]));
      try {
        const hosts = await markAffectedHosts(db, {
          networks: together('networks'),
          leases: together('leases'),
          groups: together('groups'),
          routers: together('routers'),
          hosts: together('hosts'),
        });
        for (const host of hosts) wake(host);
      } catch (error) {
        log.error({ err: error }, 'hosts could not be told of a change; they notice it when their wish is made anew');
      }
    }
    marking = null;
  }

  const make = (host: string): Promise<Known> => {
    const running = making.get(host);
    if (running !== undefined) return running;
    const made = db
      .transaction()
      .execute(async (tx): Promise<Known> => {
        // held until the end: whoever makes the wish later has read later rows
        const agent = await tx
          .selectFrom('agents')
          .select(['mark', 'wish_revision', 'wish_digest'])
          .where('host', '=', host)
          .forUpdate()
          .executeTakeFirst();
        if (agent === undefined) throw agentNotFound(host);
        const wish = wishOfHost(await readWishRows(tx, host));
        const digest = createHash('sha256').update(JSON.stringify(wish)).digest('hex');
        const revision = digest === agent.wish_digest ? agent.wish_revision : agent.wish_revision + 1;
        if (revision !== agent.wish_revision)
          await tx.updateTable('agents').set({ wish_revision: revision, wish_digest: digest }).where('host', '=', host).execute();
        return { wish: { revision, ...wish }, mark: agent.mark, madeAt: clock.now() };
      })
      .then((result) => {
        known.set(host, result);
        return result;
      })
      .finally(() => making.delete(host));
    making.set(host, made);
    return made;
  };

  async function current(host: string): Promise<Known> {
    const before = known.get(host);
    if (before !== undefined && before.madeAt > clock.now() - maxAgeMs) {
      const agent = await db.selectFrom('agents').select('mark').where('host', '=', host).executeTakeFirst();
      if (agent?.mark === before.mark) return before;
    }
    return make(host);
  }

  const looker = startReconciler(
    {
      name: 'hosts-notice-changes-of-other-processes',
      everyMs: lookEveryMs,
      async run() {
        if (waiting.size === 0) return { waiting: 0 };
        const { rows } = await sql<{
          host: string;
          mark: number;
        }>`SELECT host, mark FROM agents WHERE host = ANY(${[...waiting.keys()]}::text[])`.execute(db);
        for (const { host, mark } of rows) if (known.get(host)?.mark !== mark) wake(host);
        return { waiting: rows.length };
      },
    },
    { clock, log },
  );

  return {
    changed(touched) {
      const isEmpty = [touched.networks, touched.leases, touched.groups, touched.routers, touched.hosts].every((set) => set.size === 0);
      if (isEmpty) return;
      pending.push(touched);
      marking ??= markPending();
    },
    async wait(host, after, signal) {
      const deadline = clock.now() + longPollMs;
      for (;;) {
        const change = woken(host); // listened for before looking, so that nothing in between is missed
        const { wish } = await current(host);
        const left = deadline - clock.now();
        if (wish.revision !== after || left <= 0 || signal.aborted || stopping.signal.aborted) return wish;
        const pause = new AbortController();
        const ends = AbortSignal.any([signal, stopping.signal, pause.signal]);
        await Promise.race([change, clock.sleep(left, ends).catch(() => undefined)]);
        pause.abort();
      }
    },
    async stop() {
      stopping.abort(new Error('stopping'));
      for (const host of waiting.keys()) wake(host);
      await looker.stop();
      await marking;
      await Promise.allSettled(making.values());
    },
  };
}
