import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { KeyPair } from '../../../../store/key-pairs.ts';
import { microseconds } from '../../dates.ts';

const Text = Type.String();

/** A key pair in a list. */
export const listedKeyPairView = versionedView<KeyPair>('ListedKeyPair', {
  name: { type: Text, get: (key) => key.name },
  public_key: { type: Text, get: (key) => key.publicKey },
  fingerprint: { type: Text, get: (key) => key.fingerprint },
  type: { since: '2.2', type: Text, get: (key) => key.type },
});

/** A key pair that was just made; the private half is shown now or never. */
export const createdKeyPairView = versionedView<KeyPair & { readonly privateKey: string | null }>('CreatedKeyPair', {
  name: { type: Text, get: (key) => key.name },
  public_key: { type: Text, get: (key) => key.publicKey },
  private_key: { until: '2.91', type: Text, get: (key) => key.privateKey ?? undefined },
  fingerprint: { type: Text, get: (key) => key.fingerprint },
  user_id: { type: Text, get: (key) => key.userId },
  type: { since: '2.2', type: Text, get: (key) => key.type },
});

/** A key pair by itself. */
export const keyPairView = versionedView<KeyPair>('KeyPair', {
  id: { type: Type.Integer(), get: (key) => key.id },
  name: { type: Text, get: (key) => key.name },
  public_key: { type: Text, get: (key) => key.publicKey },
  fingerprint: { type: Text, get: (key) => key.fingerprint },
  user_id: { type: Text, get: (key) => key.userId },
  type: { since: '2.2', type: Text, get: (key) => key.type },
  created_at: { type: Text, get: (key) => microseconds(key.createdAt) },
  updated_at: { type: Type.Null(), get: () => null }, // a key pair never changes
  deleted: { type: Type.Boolean(), get: () => false },
  deleted_at: { type: Type.Null(), get: () => null },
});
