import type { DiskCopy } from '../driver.ts';

const clusterBits = 16;
const cluster = 2 ** clusterBits;
const virtualBytes = 1024 ** 2;

/** A disk as small as its format can be, which says what it is a copy of. */
export function diskContents(format: DiskCopy['format'], says: string): Buffer {
  const text = Buffer.from(says.slice(0, 256));
  switch (format) {
    case 'raw': {
      const disk = Buffer.alloc(virtualBytes);
      text.copy(disk);
      return disk;
    }
    case 'iso': {
      const disk = Buffer.alloc(0x8800);
      text.copy(disk, 0x400);
      disk.write('\u0001CD001\u0001', 0x8000, 'latin1');
      return disk;
    }
    case 'qcow2':
      return emptyQcow2(text);
    default:
      return format satisfies never;
  }
}

/** Version 3, nothing allocated: header, refcount table, refcount block and L1 table in a cluster each, and a text behind them. */
function emptyQcow2(text: Buffer): Buffer {
  const disk = Buffer.alloc(5 * cluster);
  disk.write('QFI\u00FB', 0, 'latin1');
  disk.writeUInt32BE(3, 4);
  disk.writeUInt32BE(clusterBits, 20);
  disk.writeBigUInt64BE(BigInt(virtualBytes), 24);
  disk.writeUInt32BE(1, 36); // entries of the L1 table
  disk.writeBigUInt64BE(BigInt(3 * cluster), 40);
  disk.writeBigUInt64BE(BigInt(cluster), 48); // refcount table
  disk.writeUInt32BE(1, 56);
  disk.writeUInt32BE(4, 96); // refcounts of 16 bits
  disk.writeUInt32BE(104, 100);
  disk.writeBigUInt64BE(BigInt(2 * cluster), cluster);
  for (let index = 0; index < 5; index++) disk.writeUInt16BE(1, 2 * cluster + 2 * index);
  text.copy(disk, 4 * cluster);
  return disk;
}
