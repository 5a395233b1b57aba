import { problemsOfSize, sizeOf, truncated, type Finding, type Wanted } from '../format-reader.ts';

/** VirtualBox's VDI, dynamic or fixed. */
export function* vdiReader(): Generator<Wanted, Finding | null, Buffer> {
  const header = yield { from: 0, length: 512 };
  if (header.length < 68 || header.readUInt32LE(0x40) !== 0xbeda107f) return null;
  if (header.length < 0x1c8) return truncated('vdi');
  const virtualSize = sizeOf(header.readBigUInt64LE(0x170));
  const problems = [...problemsOfSize(virtualSize)];
  if (header.readUInt32LE(0x44) !== 0x00010001) problems.push('its VDI version is unknown');
  const type = header.readUInt32LE(0x4c);
  const names = (at: number): boolean => header.subarray(at, at + 16).some((byte) => byte !== 0);
  if (type === 3 || type === 4 || names(0x1a8)) problems.push('it names a parent image');
  else if (type !== 1 && type !== 2) problems.push(`its VDI type ${type} is unknown`);
  const blocks = header.readUInt32LE(0x180);
  const blockSize = header.readUInt32LE(0x178);
  if (blockSize === 0 || (virtualSize !== null && blocks < Math.floor(virtualSize / blockSize)))
    problems.push('its VDI block map is too small for its virtual size');
  return { format: 'vdi', virtualSize, problems };
}
