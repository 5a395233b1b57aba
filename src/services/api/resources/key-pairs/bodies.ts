import Type from 'typebox';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';

const name = (characters: string) => Type.String({ minLength: 1, maxLength: 255, pattern: `^(?! )[${characters}]+(?<! )$` });
const PublicKey = Type.String();

/** `keypair` of `POST /os-keypairs`. */
export const CreateKeyPair = versionedBody('CreateKeyPair', {
  name: [
    { until: '2.91', required: true, type: name('a-zA-Z0-9 _-') },
    { since: '2.92', required: true, type: name('a-zA-Z0-9 @._-') },
  ],
  public_key: [
    { until: '2.91', type: PublicKey },
    { since: '2.92', required: true, type: PublicKey },
  ],
  type: { since: '2.2', type: Type.Enum(['ssh', 'x509']) },
  user_id: { since: '2.10', type: Type.String({ minLength: 1, maxLength: 255 }) },
});

const user_id = { since: '2.10', type: anyText } as const;
const strict = { refusesUnknownSince: version('2.75') };

export const ListKeyPairs = versionedQuery(
  { user_id, limit: { since: '2.35', type: digits }, marker: { since: '2.35', type: anyText } },
  strict,
);
export const OneKeyPair = versionedQuery({ user_id }, strict);
