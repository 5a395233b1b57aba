import type { Finding, ImageFormat, Wanted } from '../format-reader.ts';

/** Formats nobody should send any more, but which a guessing reader would still open. */
const magics: readonly (readonly [ImageFormat, string])[] = [
  ['qed', 'QED\0'],
  ['parallels', 'WithoutFreeSpace'],
  ['parallels', 'WithouFreSpacExt'],
  ['bochs', 'Bochs Virtual HD Image'],
  ['cloop', '#!/bin/sh\n#V2.0 Format\nmodprobe cloop'],
];

export function* oldFormatsReader(): Generator<Wanted, Finding | null, Buffer> {
  const start = (yield { from: 0, length: 64 }).toString('latin1');
  const [format] = magics.find(([, magic]) => start.startsWith(magic)) ?? [];
  return format === undefined ? null : { format, virtualSize: null, problems: [`the format ${format} is not supported`] };
}
