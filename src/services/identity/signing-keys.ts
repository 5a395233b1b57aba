import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import { keyIdOf, type SigningKey } from '../../domain/token.ts';
import { isoTime } from './iso-time.ts';
import type { IdentityDatabase } from './tables.ts';

/** The keys of this cloud: tokens are signed with the newest, and those of all are accepted. */
export interface SigningKeys {
  readonly current: SigningKey;
  /** By key id. */
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  /** As published: PEM by key id. */
  readonly published: readonly { readonly id: string; readonly public_key: string }[];
}

/** Reads the signing keys; the first process to do so makes one. */
export async function loadSigningKeys(db: IdentityDatabase, clock: Clock): Promise<SigningKeys> {
  const rows = await db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE signing_keys IN EXCLUSIVE MODE`.execute(tx);
    const known = await tx.selectFrom('signing_keys').selectAll().orderBy('created_at', 'desc').orderBy('id').execute();
    return known.length > 0 ? known : [await tx.insertInto('signing_keys').values(newKey(clock)).returningAll().executeTakeFirstOrThrow()];
  });
  const [newest] = rows;
  return {
    current: { id: newest!.id, privateKey: createPrivateKey(newest!.private_key) },
    publicKeys: new Map(rows.map((row) => [row.id, createPublicKey(row.public_key)])),
    published: rows.map(({ id, public_key }) => ({ id, public_key })),
  };
}

function newKey(clock: Clock): { id: string; private_key: string; public_key: string; created_at: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    id: keyIdOf(publicKey),
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    public_key: publicKey.export({ type: 'spki', format: 'pem' }),
    created_at: isoTime(clock.now()),
  };
}
