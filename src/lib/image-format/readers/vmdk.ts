import { problemsOfSize, sizeOf, truncated, type Finding, type Wanted } from '../format-reader.ts';

const sector = 512;
/** Where a header says that the grain directory is in the footer. */
const directoryAtEnd = 0xffff_ffff_ffff_ffffn;
const allowedTypes = new Set(['monolithicsparse', 'streamoptimized']);
const maxDescriptor = 65_536;

/**
 * VMware's VMDK. Only one file with everything in it is safe: monolithicSparse and streamOptimized. All other types are
 * descriptors that name other files, which whoever opens the image would read.
 */
export function* vmdkReader(): Generator<Wanted, Finding | null, Buffer> {
  const header = yield { from: 0, length: 2048 };
  const magic = header.toString('latin1', 0, 4);
  if (magic === 'COWD') return { format: 'vmdk', virtualSize: null, problems: ['it is a VMDK of the old COWD kind'] };
  if (magic !== 'KDMV')
    return isTextDescriptor(header)
      ? { format: 'vmdk', virtualSize: null, problems: ['it is a VMDK descriptor that names extents in other files'] }
      : null;
  if (header.length < sector) return truncated('vmdk');

  const capacity = header.readBigUInt64LE(12);
  const virtualSize = sizeOf(capacity * BigInt(sector));
  const problems = [...problemsOfSize(virtualSize)];
  const version = header.readUInt32LE(4);
  if (version < 1 || version > 3) problems.push(`its VMDK version ${version} is unknown`);
  const grain = header.readBigUInt64LE(20);
  const tableEntries = header.readUInt32LE(44);
  if (grain < 1n || grain > 0x20_0000n || (grain & (grain - 1n)) !== 0n || tableEntries === 0 || tableEntries > 512)
    problems.push('its VMDK grain tables are absurd');

  const [at, sectors] = [header.readBigUInt64LE(28), header.readBigUInt64LE(36)];
  if (at !== 1n) problems.push('its embedded VMDK descriptor is missing or not where it belongs');
  else if (sectors < 1n || sectors * BigInt(sector) > BigInt(maxDescriptor))
    problems.push('its embedded VMDK descriptor is absurdly large');
  else {
    const descriptor = yield { from: sector, length: Number(sectors) * sector };
    problems.push(...problemsOfDescriptor(descriptor));
  }
  if (header.readBigUInt64LE(56) === directoryAtEnd) {
    const tail = yield { tail: 1536 };
    problems.push(...problemsOfFooter(header, tail));
  }
  return { format: 'vmdk', virtualSize, problems };
}

/** Whether QEMU would take this text for a descriptor: after comments and blank lines, its first line is a version. */
function isTextDescriptor(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  if (/^\s*#\s*disk descriptorfile/i.test(text)) return true;
  const first = text.split('\n').find((line) => line.trim() !== '' && !line.startsWith('#'));
  return first !== undefined && /^\s*version\s*=\s*\d/.test(first);
}

function problemsOfDescriptor(bytes: Buffer): string[] {
  const end = bytes.indexOf(0);
  const text = bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
  const problems: string[] = [];
  if (end >= 0 && bytes.subarray(end).some((byte) => byte !== 0)) problems.push('there is more after the end of its VMDK descriptor');
  // oxlint-disable-next-line no-control-regex -- that is what it looks for
  if (/[^\t\n\r\x20-\x7e]/.test(text)) problems.push('its VMDK descriptor is not plain text');

  let type: string | null = null;
  let extents = 0;
  for (const line of text.split(/[\r\n]+/).map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [, key = '', value = ''] = /^([\w.]+)\s*=\s*"?([^"]*)"?/.exec(line) ?? [];
    switch (key.toLowerCase()) {
      case 'createtype':
        if (type !== null) problems.push('its VMDK descriptor names two types');
        type = value.trim();
        break;
      case 'parentcid':
        if (value.trim().toLowerCase() !== 'ffffffff') problems.push('it names a parent image');
        break;
      case 'parentfilenamehint':
        problems.push('it names a parent image');
        break;
      case '': {
        const [, kind = '', name = ''] = /^(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\S+)(?:\s+"([^"]*)")?/i.exec(line) ?? [];
        if (kind === '') problems.push('its VMDK descriptor has a line that is not understood');
        else {
          extents++;
          if (kind.toUpperCase() !== 'SPARSE' || name.includes('/') || name.includes('\\'))
            problems.push('its VMDK descriptor names an extent in another file');
        }
        break;
      }
      default:
    }
  }
  if (type === null || !allowedTypes.has(type.toLowerCase())) {
    problems.push(
      `its VMDK type ${type === null ? 'is missing' : `'${type.slice(0, 64)}' is not allowed`} (allowed: monolithicSparse, streamOptimized)`,
    );
  }
  if (extents !== 1) problems.push(`its VMDK descriptor names ${extents} extents instead of 1`);
  return [...new Set(problems)];
}

/** A footer is a second header that wins over the first: it must say the same. */
function problemsOfFooter(header: Buffer, tail: Buffer): string[] {
  const footer = tail.subarray(sector, 2 * sector);
  if (tail.length < 1536 || footer.toString('latin1', 0, 4) !== 'KDMV') return ['its VMDK footer is missing'];
  const same = footer.subarray(4, 48).equals(header.subarray(4, 48)) && footer.readBigUInt64LE(56) !== directoryAtEnd;
  return same ? [] : ['its VMDK footer does not match its header'];
}
