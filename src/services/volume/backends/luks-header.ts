import { createCipheriv, createHash, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Cipher } from './backend.ts';

const derive = promisify(pbkdf2);
const sector = 512;
const slots = 8;
/** Parts that a slot's key is split into, all of which are needed. */
const stripes = 4000;
/** Sectors of the header proper, and what slots begin at multiples of. */
const alignment = 8;
/** Passphrases are random and long: there is nothing to guess, so nothing to slow down. */
const iterations = 20_000;
const [enabled, disabled] = [0x00ac71f3, 0x0000dead];

/** XTS takes two keys. */
const keyBytesOf = ({ algorithm }: Cipher): number => ({ 'aes-128': 16, 'aes-256': 32 })[algorithm] * 2;
const slotSectors = (keyBytes: number): number => Math.ceil(Math.ceil((keyBytes * stripes) / sector) / alignment) * alignment;

/** Bytes before the content of a LUKS container. A volume is that much bigger, so that its guest sees as many GiB as it was promised. */
export const luksHeaderBytes = (cipher: Cipher): number => (alignment + slots * slotSectors(keyBytesOf(cipher))) * sector;

/**
 * What a LUKS container (version 1) begins with: a new master key, and one slot that the passphrase opens. QEMU's own tool measures first how fast the machine
 * hashes, which takes seconds and fails where the clock of processor time is coarse.
 */
export async function makeLuksHeader(passphrase: string, cipher: Cipher, uuid: string): Promise<Buffer> {
  const keyBytes = keyBytesOf(cipher);
  const [masterKey, digestSalt, slotSalt] = [randomBytes(keyBytes), randomBytes(32), randomBytes(32)];
  const [digest, slotKey] = await Promise.all([
    derive(masterKey, digestSalt, iterations, 20, 'sha256'),
    derive(passphrase, slotSalt, iterations, keyBytes, 'sha256'),
  ]);
  const header = Buffer.alloc(luksHeaderBytes(cipher));
  header.write('LUKS\xba\xbe', 0, 'latin1');
  header.writeUInt16BE(1, 6);
  header.write('aes', 8, 'latin1');
  header.write('xts-plain64', 40, 'latin1');
  header.write('sha256', 72, 'latin1');
  header.writeUInt32BE(header.length / sector, 104);
  header.writeUInt32BE(keyBytes, 108);
  digest.copy(header, 112);
  digestSalt.copy(header, 132);
  header.writeUInt32BE(iterations, 164);
  header.write(uuid, 168, 'latin1');
  for (let slot = 0; slot < slots; slot++) {
    const at = 208 + slot * 48;
    header.writeUInt32BE(slot === 0 ? enabled : disabled, at);
    header.writeUInt32BE(slot === 0 ? iterations : 0, at + 4);
    if (slot === 0) slotSalt.copy(header, at + 8);
    header.writeUInt32BE(alignment + slot * slotSectors(keyBytes), at + 40);
    header.writeUInt32BE(stripes, at + 44);
  }
  encrypt(split(masterKey), slotKey, cipher).copy(header, alignment * sector);
  return header;
}

/** Spreads a key over many parts: random ones, and a last that makes them yield the key. */
function split(key: Buffer): Buffer {
  const parts = randomBytes(key.length * stripes);
  let mixed: Buffer = Buffer.alloc(key.length);
  for (let part = 0; part < stripes - 1; part++) mixed = diffuse(xor(mixed, parts.subarray(part * key.length, (part + 1) * key.length)));
  xor(mixed, key).copy(parts, (stripes - 1) * key.length);
  return parts;
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));

/** Every bit of the answer depends on every bit of a block. */
function diffuse(data: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < data.length; at += 32) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(at / 32);
    blocks.push(
      createHash('sha256')
        .update(number)
        .update(data.subarray(at, at + 32))
        .digest(),
    );
  }
  return Buffer.concat(blocks).subarray(0, data.length);
}

/** Sector by sector, each with its number. */
function encrypt(data: Buffer, key: Buffer, { algorithm }: Cipher): Buffer {
  const sectors: Buffer[] = [];
  for (let at = 0; at < data.length; at += sector) {
    const number = Buffer.alloc(16);
    number.writeBigUInt64LE(BigInt(at / sector));
    sectors.push(createCipheriv(`${algorithm}-xts`, key, number).update(data.subarray(at, at + sector)));
  }
  return Buffer.concat(sectors);
}
