import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { selfSignedCertificate } from './certificate.ts';
import { field } from './ssh-public-key.ts';

export interface GeneratedKeys {
  readonly publicKey: string;
  /** PEM. */
  readonly privateKey: string;
}

const generate = promisify(generateKeyPair);
const newRsa = (): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> => generate('rsa', { modulusLength: 2048 });

/** A pair for SSH: RSA of 2048 bits, as clients of microversions that generate keys expect. */
export async function generateSshKeys(): Promise<GeneratedKeys> {
  const { publicKey, privateKey } = await newRsa();
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const data = Buffer.concat([field(Buffer.from('ssh-rsa')), field(positive(e)), field(positive(n))]);
  return {
    publicKey: `ssh-rsa ${data.toString('base64')} Generated-by-Nova\n`,
    privateKey: String(privateKey.export({ type: 'pkcs1', format: 'pem' })),
  };
}

/** A certificate by which a user can log in to Windows guests (WinRM), with its key. */
export async function generateCertificate(userId: string, now: number): Promise<GeneratedKeys> {
  const { publicKey, privateKey } = await newRsa();
  return {
    publicKey: selfSignedCertificate({ userId, publicKey, privateKey, now }),
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

/** A number as SSH writes it: a leading zero keeps it positive. */
function positive(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}
