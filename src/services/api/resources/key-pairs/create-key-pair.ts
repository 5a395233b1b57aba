import { X509Certificate } from 'node:crypto';
import { invalid, overQuota } from '../../../../lib/errors.ts';
import { createKeyPair as insertKeyPair, type KeyPair } from '../../../../store/key-pairs.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import type { CreateKeyPair } from './bodies.ts';
import { generateCertificate, generateSshKeys, type GeneratedKeys } from './generate-key-pair.ts';
import { fingerprintOf } from './ssh-public-key.ts';

type Body = NonNullable<(typeof CreateKeyPair)['value']>;

/** Imports the public half, or makes a pair where none is given; the private half is answered and forgotten. */
export async function createKeyPair(
  deps: ApiDeps,
  ctx: RequestContext,
  userId: string,
  body: Body,
): Promise<KeyPair & { readonly privateKey: string | null }> {
  const type = body.type === 'x509' ? 'x509' : 'ssh';
  const { publicKey, privateKey } =
    body.public_key === undefined ? await generate(deps, userId, type) : { publicKey: body.public_key, privateKey: null };
  const fingerprint = type === 'x509' ? fingerprintOfCertificate(publicKey) : fingerprintOf(publicKey);
  if (fingerprint === null) throw invalid(`Keypair data is invalid: failed to generate ${type === 'x509' ? 'X509 ' : ''}fingerprint`);
  const limits = await limitsOf(deps, ctx.caller.projectId ?? '');
  const key = await insertKeyPair(deps.stores.api, { userId, name: body.name, type, fingerprint, publicKey }, limits['key_pairs'] ?? -1);
  if (key === null) throw overQuota('Quota exceeded, too many key pairs.');
  return { ...key, privateKey };
}

const generate = (deps: ApiDeps, userId: string, type: KeyPair['type']): Promise<GeneratedKeys> =>
  type === 'x509' ? generateCertificate(userId, deps.clock.now()) : generateSshKeys();

/** SHA-1 of a certificate, which is what Windows tools show. */
function fingerprintOfCertificate(pem: string): string | null {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return null;
  try {
    return new X509Certificate(pem).fingerprint.toLowerCase();
  } catch {
    return null;
  }
}
