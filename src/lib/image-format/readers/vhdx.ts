import { problemsOfSize, sizeOf, truncated, type Finding, type Wanted } from '../format-reader.ts';

const regionTableAt = 0x30000;
const tableLength = 65_536;

/** GUIDs as they stand in the file. */
const metadataRegion = '06a27c8b90479a4bb8fe575f050f886e';
const fileParameters = '3767a1ca36fa434db3b633f0aa44e76b';
const virtualDiskSize = '2442a52f1bcd7648b2115dbed83bf4b8';
const parentLocator = '2d5fd3a80bb34d45abf7d3d84834ab0c';

const without = (problem: string): Finding => ({ format: 'vhdx', virtualSize: null, problems: [problem] });

/** Microsoft's VHDX. Its size stands in a metadata region that a region table points to. */
export function* vhdxReader(): Generator<Wanted, Finding | null, Buffer> {
  const signature = yield { from: 0, length: 8 };
  if (signature.toString('latin1') !== 'vhdxfile') return null;

  const regions = yield { from: regionTableAt, length: tableLength };
  if (regions.length < 16) return truncated('vhdx');
  if (regions.toString('latin1', 0, 4) !== 'regi') return without('its VHDX region table is missing');
  const region = find(regions, { count: regions.readUInt32LE(8), from: 16, guid: metadataRegion });
  if (region === null) return without('its VHDX metadata is missing');
  const at = sizeOf(region.readBigUInt64LE(16));
  if (at === null || at < regionTableAt + tableLength) return without('its VHDX metadata is not where it belongs');

  const table = yield { from: at, length: tableLength };
  if (table.length < 32 || table.toString('latin1', 0, 8) !== 'metadata') return without('its VHDX metadata is missing');
  const count = table.readUInt16LE(10);
  const item = (guid: string): Buffer | null => find(table, { count, from: 32, guid });
  const problems = item(parentLocator) === null ? [] : ['it names a parent image'];

  // the two items stand in either order; the stream is read once, so both are cut from one piece
  const [sizeEntry, parametersEntry] = [item(virtualDiskSize), item(fileParameters)];
  if (sizeEntry === null || parametersEntry === null)
    return { ...without('its VHDX metadata is incomplete'), problems: [...problems, 'its VHDX metadata is incomplete'] };
  const offsets = [sizeEntry.readUInt32LE(16), parametersEntry.readUInt32LE(16)] as const;
  const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
  if (first < tableLength || last - first > tableLength)
    return { ...without('its VHDX metadata is absurd'), problems: [...problems, 'its VHDX metadata is absurd'] };
  const items = yield { from: at + first, length: last - first + 8 };
  if (items.length < last - first + 8) return truncated('vhdx');
  const virtualSize = sizeOf(items.readBigUInt64LE(offsets[0] - first));
  if ((items.readUInt32LE(offsets[1] - first + 4) & 2) !== 0) problems.push('it names a parent image');
  return { format: 'vhdx', virtualSize, problems: [...new Set([...problems, ...problemsOfSize(virtualSize)])] };
}

/** The entry of a table of 32-byte entries that begin with a GUID. */
function find(
  table: Buffer,
  { count, from, guid }: { readonly count: number; readonly from: number; readonly guid: string },
): Buffer | null {
  for (let n = 0; n < Math.min(count, 2047); n++) {
    const entry = table.subarray(from + n * 32, from + n * 32 + 32);
    if (entry.length < 32) return null;
    if (entry.toString('hex', 0, 16) === guid) return entry;
  }
  return null;
}
