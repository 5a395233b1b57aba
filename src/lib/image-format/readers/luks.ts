import { truncated, type Finding, type Wanted } from '../format-reader.ts';

/** Linux' LUKS, versions 1 and 2. */
export function* luksReader(): Generator<Wanted, Finding | null, Buffer> {
  const header = yield { from: 0, length: 592 };
  if (header.toString('latin1', 0, 6) !== 'LUKS\xba\xbe') return null;
  if (header.length < 592) return truncated('luks');
  const version = header.readUInt16BE(6);
  if (version !== 1 && version !== 2) return { format: 'luks', virtualSize: null, problems: [`its LUKS version ${version} is unknown`] };
  return { format: 'luks', virtualSize: null, problems: [] };
}
