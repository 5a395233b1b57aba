import { problemsOfSize, sizeOf, truncated, type Finding, type Wanted } from '../format-reader.ts';

const cookie = 'conectix';

/** Microsoft's VHD, dynamic: a copy of its footer stands first. */
export function* vhdReader(): Generator<Wanted, Finding | null, Buffer> {
  const header = yield { from: 0, length: 512 };
  if (header.toString('latin1', 0, 8) !== cookie) return null;
  return header.length < 512 ? truncated('vhd') : judge(header);
}

/** The same, fixed: the data with a footer behind it. */
export function* fixedVhdReader(): Generator<Wanted, Finding | null, Buffer> {
  const start = yield { from: 0, length: 8 };
  if (start.toString('latin1') === cookie) return null; // told by its header
  const footer = yield { tail: 512 };
  if (footer.length < 512 || footer.toString('latin1', 0, 8) !== cookie) return null;
  return judge(footer);
}

function judge(footer: Buffer): Finding {
  const virtualSize = sizeOf(footer.readBigUInt64BE(48));
  const problems = [...problemsOfSize(virtualSize)];
  const type = footer.readUInt32BE(60);
  if (type === 4) problems.push('it names a parent image');
  else if (type !== 2 && type !== 3) problems.push(`its VHD type ${type} is unknown`);
  return { format: 'vhd', virtualSize, problems };
}
