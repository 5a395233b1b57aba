import { problemsOfSize, sizeOf, truncated, type Finding, type Wanted } from '../format-reader.ts';

/** QEMU's own limits: a header beyond them is made to hurt. */
const maxL1Bytes = 32 * 1_048_576;
const maxRefcountTableBytes = 8 * 1_048_576;
const maxSnapshots = 65_536;

const incompatible = { dirty: 1n, corrupt: 2n, externalData: 4n, compressionType: 8n, extendedL2: 16n } as const;
const knownIncompatible = Object.values(incompatible).reduce((all, bit) => all | bit, 0n);

const extensionProblems: Readonly<Record<number, string>> = {
  0xe2792aca: 'it names the format of a backing file',
  0x44415441: 'it names an external data file',
  0x0537be77: 'it is encrypted',
};

/** QEMU's qcow2, versions 2 and 3. */
export function* qcow2Reader(): Generator<Wanted, Finding | null, Buffer> {
  const header = yield { from: 0, length: 112 };
  if (header.toString('latin1', 0, 4) !== 'QFI\xfb') return null;
  if (header.length < 72) return truncated('qcow2');
  const version = header.readUInt32BE(4);
  if (version === 1) return { format: 'qcow', virtualSize: null, problems: ['it is a qcow image of version 1'] };
  if (version !== 2 && version !== 3) return { format: 'qcow2', virtualSize: null, problems: [`its qcow2 version ${version} is unknown`] };
  if (version === 3 && header.length < 104) return truncated('qcow2');

  const clusterBits = header.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21)
    return { format: 'qcow2', virtualSize: null, problems: [`its cluster size of 2^${clusterBits} bytes is not allowed`] };
  const cluster = 2 ** clusterBits;
  const virtualSize = sizeOf(header.readBigUInt64BE(24));
  const problems = [...problemsOfSize(virtualSize)];

  if (header.readBigUInt64BE(8) !== 0n || header.readUInt32BE(16) !== 0) problems.push('it names a backing file');
  if (header.readUInt32BE(32) !== 0) problems.push('it is encrypted');

  const l1Entries = header.readUInt32BE(36);
  const entryBits = version === 3 && (header.readBigUInt64BE(72) & incompatible.extendedL2) !== 0n ? 16 : 8;
  const bytesPerL1Entry = cluster * (cluster / entryBits);
  if (l1Entries * 8 > maxL1Bytes) problems.push(`its L1 table of ${l1Entries} entries is absurdly large`);
  else if (virtualSize !== null && l1Entries < Math.ceil(virtualSize / bytesPerL1Entry))
    problems.push('its L1 table is too small for its virtual size');
  const refcountClusters = header.readUInt32BE(56);
  if (refcountClusters * cluster > maxRefcountTableBytes) problems.push('its refcount table is absurdly large');
  const snapshots = header.readUInt32BE(60);
  if (snapshots > maxSnapshots) problems.push(`it claims ${snapshots} internal snapshots`);

  let headerLength = 72;
  if (version === 3) {
    const features = header.readBigUInt64BE(72);
    if ((features & incompatible.externalData) !== 0n) problems.push('it keeps its data in an external data file');
    if ((features & incompatible.corrupt) !== 0n) problems.push('it is marked as corrupt');
    if ((features & ~knownIncompatible) !== 0n)
      problems.push(`it needs unknown incompatible features (0x${(features & ~knownIncompatible).toString(16)})`);
    if (header.readUInt32BE(96) > 6) problems.push('its refcounts are wider than 64 bits');
    headerLength = header.readUInt32BE(100);
    if (headerLength < 104 || headerLength > cluster || headerLength % 8 !== 0) {
      return { format: 'qcow2', virtualSize, problems: [...problems, `its header length of ${headerLength} bytes is not allowed`] };
    }
  }
  const firstCluster = yield { from: 0, length: Math.min(cluster, 65_536) };
  problems.push(...problemsOfExtensions(firstCluster, headerLength));

  const tables: [string, bigint, number][] = [
    ['L1 table', header.readBigUInt64BE(40), l1Entries * 8],
    ['refcount table', header.readBigUInt64BE(48), refcountClusters * cluster],
    ['snapshot table', snapshots === 0 ? 0n : header.readBigUInt64BE(64), snapshots * 40],
  ];
  for (const [name, offset] of tables) if (offset % BigInt(cluster) !== 0n) problems.push(`its ${name} does not begin at a cluster`);
  const atEnd = (fileSize: number): string[] =>
    tables
      .filter(([, offset, length]) => length > 0 && offset + BigInt(length) > BigInt(fileSize + cluster))
      .map(([name]) => `its ${name} lies outside of the file`);
  return { format: 'qcow2', virtualSize, problems: [...new Set(problems)], atEnd };
}

/** Header extensions stand between the header and the end of the first cluster: a type, a length, and data padded to 8 bytes. */
function problemsOfExtensions(bytes: Buffer, from: number): string[] {
  const problems: string[] = [];
  for (let at = from; at + 8 <= bytes.length;) {
    const type = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
    if (type === 0) break;
    const problem = extensionProblems[type];
    if (problem !== undefined) problems.push(problem);
    if (length > bytes.length - at - 8) {
      problems.push('one of its header extensions is longer than its cluster');
      break;
    }
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return problems;
}
