import { createHash } from 'node:crypto';

/** What follows the type in a key's data: how many fields, and of which lengths where those are fixed. */
type Shape = readonly (number | 'any')[];

const point = (bits: number): Shape => ['any', 1 + 2 * Math.ceil(bits / 8)];
const shapes: Readonly<Record<string, Shape>> = {
  'ssh-ed25519': [32],
  'ssh-rsa': ['any', 'any'],
  'ssh-dss': ['any', 'any', 'any', 'any'],
  'ecdsa-sha2-nistp256': point(256),
  'ecdsa-sha2-nistp384': point(384),
  'ecdsa-sha2-nistp521': point(521),
  'sk-ssh-ed25519@openssh.com': [32, 'any'],
  'sk-ecdsa-sha2-nistp256@openssh.com': [...point(256), 'any'],
};

/** The MD5 fingerprint (`ab:cd:…`) of a key in OpenSSH's one-line form, or null when it is none. */
export function fingerprintOf(publicKey: string): string | null {
  const [type = '', encoded = ''] = publicKey.split(/[ \t]+/, 2).map((part) => part.trim());
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const data = Buffer.from(encoded, 'base64');
  const fields = fieldsOf(data);
  if (fields?.[0]?.toString('latin1') !== type || fields.length !== shape.length + 1) return null;
  const fits = shape.every((length, index) => (length === 'any' ? fields[index + 1]!.length > 0 : fields[index + 1]!.length === length));
  return fits ? colonHex(createHash('md5').update(data).digest()) : null;
}

/** `0a:1b:…` */
export const colonHex = (bytes: Buffer): string => bytes.toString('hex').replaceAll(/(..)(?=.)/g, '$1:');

/** The length-prefixed fields that make up a key; null when they do not end where the data does. */
function fieldsOf(data: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < data.length) {
    if (at + 4 > data.length) return null;
    const end = at + 4 + data.readUInt32BE(at);
    if (end > data.length) return null;
    fields.push(data.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** A field as a key holds it. */
export function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
