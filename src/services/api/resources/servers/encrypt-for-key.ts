import { constants, createPublicKey, publicEncrypt } from 'node:crypto';

/** A password that only the owner of an OpenSSH key can read, in base64; null for keys that cannot encrypt (all but RSA). */
export function encryptForKey(publicKey: string, password: string): string | null {
  const [type, base64 = ''] = publicKey.trim().split(/\s+/);
  if (type !== 'ssh-rsa') return null;
  const [name, exponent, modulus] = fieldsOf(Buffer.from(base64, 'base64'));
  if (name?.toString() !== type || exponent === undefined || modulus === undefined) return null;
  const jwk = { kty: 'RSA', e: exponent.toString('base64url'), n: withoutSign(modulus).toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const longest = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) - 11;
  const bytes = Buffer.from(password);
  if (bytes.length > longest) return null;
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, bytes).toString('base64');
}

/** An OpenSSH key is a row of fields, each with its length before it. */
function fieldsOf(key: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at + 4 <= key.length;) {
    const length = key.readUInt32BE(at);
    fields.push(key.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

/** A number whose first bit is set has a zero before it. */
const withoutSign = (number: Buffer): Buffer => (number[0] === 0 ? number.subarray(1) : number);
