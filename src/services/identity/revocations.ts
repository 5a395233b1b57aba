import { sql } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import { keysOf, revocationKey, toWireEvent, type RevocationEvent, type WireRevocationEvent } from '../../domain/token-revocation.ts';
import type { TokenClaims } from '../../domain/token.ts';
import { isoTime } from './iso-time.ts';
import type { IdentityExecutor } from './tables.ts';

/** Longer than any token can matter: its life, and the two days an expired one may finish what a service began with it. */
const keptMs = 4 * 24 * 3600_000;

/** Shared by those who issue tokens, held alone by those who revoke them. */
const lock = 4_242_003;

/**
 * Until the transaction ends nothing is revoked: a token issued in it either sees what has been revoked, or is older than what will be.
 * Everything such a token depends on must be read after this.
 */
export async function holdRevocations(tx: IdentityExecutor): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock_shared(${lock})`.execute(tx);
}

/** Revokes tokens issued until now, as the last thing in the transaction that gives the reason. */
export async function revoke(tx: IdentityExecutor, clock: Clock, events: readonly Omit<RevocationEvent, 'issuedBefore'>[]): Promise<void> {
  if (events.length === 0) return;
  await sql`SELECT pg_advisory_xact_lock(${lock})`.execute(tx);
  const now = clock.now();
  await tx
    .insertInto('revocation_events')
    .values(
      events.map((given) => {
        const event = { ...given, issuedBefore: now };
        return {
          key: revocationKey(event),
          event: JSON.stringify(toWireEvent(event)),
          issued_before: isoTime(now),
          revoked_at: isoTime(now),
        };
      }),
    )
    .execute();
}

export async function isRevoked(db: IdentityExecutor, claims: TokenClaims): Promise<boolean> {
  const event = await db
    .selectFrom('revocation_events')
    .select('id')
    .where('key', 'in', [...keysOf(claims)])
    .where('issued_before', '>=', isoTime(claims.issuedAt))
    .limit(1)
    .executeTakeFirst();
  return event !== undefined;
}

/** Events since a time, oldest first. */
export async function revocationsSince(db: IdentityExecutor, since: number | null): Promise<WireRevocationEvent[]> {
  let query = db.selectFrom('revocation_events').select('event').orderBy('id');
  if (since !== null) query = query.where('revoked_at', '>=', isoTime(since));
  return (await query.execute()).map(({ event }) => event);
}

export async function forgetOldRevocations(db: IdentityExecutor, clock: Clock): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('revocation_events')
    .where('revoked_at', '<', isoTime(clock.now() - keptMs))
    .executeTakeFirst();
  return Number(numDeletedRows);
}
