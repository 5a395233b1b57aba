import { HttpError } from '../../lib/http/http-error.ts';
import type { ImageFormat, Inspection } from '../../lib/image-format/format-inspector.ts';

/** What the data may turn out to be, by the disk format an image declares. Kernels and ramdisks are plain bytes. */
const allowedFormats: Readonly<Record<string, readonly ImageFormat[]>> = {
  raw: ['raw', 'gpt'],
  ami: ['raw', 'gpt'],
  aki: ['raw', 'gpt'],
  ari: ['raw', 'gpt'],
  ploop: ['raw', 'gpt'],
  iso: ['iso'],
  qcow2: ['qcow2'],
  vmdk: ['vmdk'],
  vdi: ['vdi'],
  vhd: ['vhd'],
  vhdx: ['vhdx'],
};

/** Containers that hold an archive rather than a disk. Hosts refuse to boot them, so nobody opens a disk inside. */
const archives = new Set(['ovf', 'ova', 'docker', 'compressed']);

/** Refuses data that is not what the image says it is, or that would make whoever opens it read or write other files. */
export function judgeContent(
  image: { readonly diskFormat: string | null; readonly containerFormat: string | null },
  { format, formats, problems, size }: Inspection,
): void {
  if (size === 0) return; // a snapshot of volumes has no data of its own
  if (image.containerFormat !== null && archives.has(image.containerFormat)) return;
  const declared = image.diskFormat ?? '';
  const allowed = allowedFormats[declared] ?? [];
  if (formats.length > 1) {
    throw new HttpError(
      400,
      `The image data is refused: it reads as several formats at once (${formats.join(', ')}). Upload data that is ${allowed.join(' or ')} only.`,
    );
  }
  if (!allowed.includes(format)) {
    throw new HttpError(
      415,
      `The image data is ${format}, but the image's disk_format is ${declared}. Allowed for ${declared}: ${allowed.join(', ')}.`,
    );
  }
  if (problems.length > 0) throw new HttpError(400, `The image data is refused: ${problems.join('; ')}.`);
}
