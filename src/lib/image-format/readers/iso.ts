import type { Finding, Wanted } from '../format-reader.ts';

const systemArea = 32_768;
const sector = 2048;

/** ISO 9660 (and UDF): a volume descriptor in one of the first sectors after the system area. */
export function* isoReader(): Generator<Wanted, Finding | null, Buffer> {
  const descriptors = yield { from: systemArea, length: 4 * sector };
  for (let at = 0; at + 6 <= descriptors.length; at += sector) {
    if (['CD001', 'BEA01', 'NSR02', 'NSR03'].includes(descriptors.toString('latin1', at + 1, at + 6)))
      return { format: 'iso', virtualSize: 'all', problems: [] };
  }
  return null;
}
