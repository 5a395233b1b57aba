import type { Selectable } from 'kysely';
import { forbidden } from '../../../lib/errors.ts';
import { readToken, type TokenClaims } from '../../../domain/token.ts';
import { refused, type IdentityDeps } from '../deps.ts';
import { findUser, type FoundUser } from '../find-named.ts';
import { isRevoked } from '../revocations.ts';
import type { ApplicationCredentialTable } from '../tables.ts';
import type { IdentityBody, NamedRef } from './bodies.ts';

/** Somebody who has proved who they are. */
export interface Authenticated {
  readonly user: FoundUser;
  readonly methods: readonly string[];
  /** The token that was shown, when one was. */
  readonly parent: TokenClaims | null;
  readonly applicationCredential: Selectable<ApplicationCredentialTable> | null;
}

type Method = 'password' | 'token' | 'application_credential';
type Proof = Omit<Authenticated, 'methods'> & { readonly inherited: readonly string[] };

/** Checks every method a request names; all must be good and mean the same user. Failures cannot be told apart. */
export async function authenticate(deps: IdentityDeps, identity: IdentityBody, remoteAddress: string): Promise<Authenticated> {
  const methods = [...new Set(identity.methods)];
  const proofs: Proof[] = [];
  for (const method of methods) {
    if (!isMethod(method)) throw refused();
    proofs.push(await prove[method](deps, identity, remoteAddress));
  }
  const [first] = proofs;
  if (first === undefined || proofs.some(({ user }) => user.id !== first.user.id)) throw refused();
  if (!first.user.enabled || !first.user.domain_enabled) throw refused();
  return {
    user: first.user,
    methods: [...new Set([...proofs.flatMap(({ inherited }) => inherited), ...methods])],
    parent: proofs.find(({ parent }) => parent !== null)?.parent ?? null,
    applicationCredential: proofs.find((proof) => proof.applicationCredential !== null)?.applicationCredential ?? null,
  };
}

const prove: Readonly<Record<Method, (deps: IdentityDeps, identity: IdentityBody, remoteAddress: string) => Promise<Proof>>> = {
  async password(deps, { password }, remoteAddress) {
    if (password === undefined) throw refused();
    const { user: claimed } = password;
    const user = await findUser(deps.db, claimed);
    const good = await deps.throttle.attempt(`${remoteAddress} ${claimedName(user, claimed)}`, () =>
      deps.passwords.verify(claimed.password, user?.password_hash ?? null),
    );
    if (!good || user === null) throw refused();
    return { user, parent: null, applicationCredential: null, inherited: [] };
  },

  async token(deps, { token }) {
    if (token === undefined) throw refused();
    const parent = await validClaims(deps, token.id);
    if (parent === null) throw refused();
    if (parent.applicationCredential !== null) throw forbidden('A token of an application credential cannot be exchanged for another.');
    const user = await findUser(deps.db, { id: parent.userId });
    if (user === null) throw refused();
    return { user, parent, applicationCredential: null, inherited: parent.methods };
  },

  async application_credential(deps, { application_credential: claimed }, remoteAddress) {
    if (claimed === undefined) throw refused();
    const found = await findCredential(deps, claimed);
    const key = `${remoteAddress} appcred ${found?.id ?? JSON.stringify([claimed.id, claimed.name, claimed.user])}`;
    const good = await deps.throttle.attempt(key, () => deps.passwords.verify(claimed.secret, found?.secret_hash ?? null));
    const user = found === null ? null : await findUser(deps.db, { id: found.user_id });
    if (!good || found === null || user === null) throw refused();
    if (found.expires_at !== null && Date.parse(found.expires_at) <= deps.clock.now()) throw refused();
    return { user, parent: null, applicationCredential: found, inherited: [] };
  },
};

const isMethod = (text: string): text is Method => Object.hasOwn(prove, text);

const claimedName = (user: FoundUser | null, claimed: NamedRef): string =>
  user?.id ?? JSON.stringify([claimed.id, claimed.name, claimed.domain]);

async function findCredential(
  deps: IdentityDeps,
  claimed: NonNullable<IdentityBody['application_credential']>,
): Promise<Selectable<ApplicationCredentialTable> | null> {
  const query = deps.db.selectFrom('application_credentials').selectAll();
  if (claimed.id !== undefined) return (await query.where('id', '=', claimed.id).executeTakeFirst()) ?? null;
  const user = claimed.user === undefined ? null : await findUser(deps.db, claimed.user);
  if (user === null || claimed.name === undefined) return null;
  return (await query.where('user_id', '=', user.id).where('name', '=', claimed.name).executeTakeFirst()) ?? null;
}

/** What a token says, when it is ours, neither expired nor revoked; null otherwise. */
export async function validClaims(deps: IdentityDeps, token: string): Promise<TokenClaims | null> {
  const reading = readToken(token, deps.keys.publicKeys, deps.clock.now());
  return reading.kind === 'valid' && !(await isRevoked(deps.db, reading.claims)) ? reading.claims : null;
}
