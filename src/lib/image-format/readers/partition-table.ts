import type { Finding, Wanted } from '../format-reader.ts';

/** A bare disk with a partition table: a GPT, or an MBR whose four entries make sense. */
export function* partitionTableReader(): Generator<Wanted, Finding | null, Buffer> {
  const sectors = yield { from: 0, length: 520 };
  if (sectors.length < 512 || sectors.readUInt16LE(510) !== 0xaa55) return null;
  const hasGpt = sectors.toString('latin1', 512, 520) === 'EFI PART';
  const entries = [446, 462, 478, 494].map((at) => ({ boot: sectors[at], type: sectors[at + 4] }));
  const isMbr = entries.every(({ boot }) => boot === 0 || boot === 0x80) && entries.some(({ type }) => type !== 0);
  return hasGpt || isMbr ? { format: 'gpt', virtualSize: 'all', problems: [] } : null;
}
