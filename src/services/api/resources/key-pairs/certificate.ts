import { randomBytes, sign, type KeyObject } from 'node:crypto';

/** A DER element. */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest >>= 8) length.unshift(rest & 0xff);
  return Buffer.concat([Buffer.of(tag), body.length < 0x80 ? Buffer.of(body.length) : Buffer.of(0x80 | length.length, ...length), body]);
}
const sequence = (...content: readonly Buffer[]): Buffer => element(0x30, ...content);
const setOf = (...content: readonly Buffer[]): Buffer => element(0x31, ...content);
const integer = (bytes: Buffer): Buffer => element(0x02, bytes);
const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text, 'utf8'));
const octets = (content: Buffer): Buffer => element(0x04, content);
const explicit = (number: number, content: Buffer): Buffer => element(0xa0 | number, content);
const nothing = Buffer.of(0x05, 0);

/** An object identifier, such as 2.5.4.3. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const groups = [part & 0x7f];
    for (let more = part >> 7; more > 0; more >>= 7) groups.unshift(0x80 | (more & 0x7f));
    return groups;
  });
  return element(0x06, Buffer.of(first * 40 + second, ...bytes));
}

const time = (at: number): Buffer => element(0x18, Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));

const names = {
  commonName: '2.5.4.3',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  userPrincipal: '1.3.6.1.4.1.311.20.2.3',
  alternativeName: '2.5.29.17',
  extendedUse: '2.5.29.37',
  clientAuthentication: '1.3.6.1.5.5.7.3.2',
};
const tenYearsMs = 3650 * 86_400_000;

/** A certificate for client authentication that names a user as Windows does (`user@localhost`), signed by itself, in PEM. */
export function selfSignedCertificate(of: {
  readonly userId: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly now: number;
}): string {
  const algorithm = sequence(oid(names.sha256WithRsa), nothing);
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40; // positive, and of full length
  const subject = sequence(setOf(sequence(oid(names.commonName), utf8(of.userId.slice(0, 64)))));
  const principal = explicit(0, Buffer.concat([oid(names.userPrincipal), explicit(0, utf8(`${of.userId}@localhost`))]));
  const extensions = explicit(
    3,
    sequence(
      sequence(oid(names.extendedUse), octets(sequence(oid(names.clientAuthentication)))),
      sequence(oid(names.alternativeName), octets(sequence(principal))),
    ),
  );
  const body = sequence(
    explicit(0, integer(Buffer.of(2))), // version 3
    integer(serial),
    algorithm,
    subject,
    sequence(time(of.now), time(of.now + tenYearsMs)),
    subject,
    of.publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
  const signature = element(0x03, Buffer.of(0), sign('sha256', body, of.privateKey));
  const base64 = sequence(body, algorithm, signature)
    .toString('base64')
    .replaceAll(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}
