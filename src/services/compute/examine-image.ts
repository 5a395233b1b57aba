import type { Image } from '../../clients/image.ts';
import type { Settings } from '../../config/index.ts';
import { runCommand, type Command } from '../../lib/command/run-command.ts';
import { invalid, type KilonovaError } from '../../lib/errors.ts';
import type { ImageFormat, Inspection } from '../../lib/image-format/format-inspector.ts';

/** Formats as qemu-img calls them. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vdi' | 'vpc' | 'vhdx';

/** What an image may turn out to be when it says that it is such a format. */
const allowed: Readonly<Record<string, { readonly found: readonly ImageFormat[]; readonly format: DiskFormat }>> = {
  raw: { found: ['raw', 'gpt'], format: 'raw' },
  ami: { found: ['raw', 'gpt'], format: 'raw' },
  iso: { found: ['iso'], format: 'raw' },
  qcow2: { found: ['qcow2'], format: 'qcow2' },
  vmdk: { found: ['vmdk'], format: 'vmdk' },
  vdi: { found: ['vdi'], format: 'vdi' },
  vhd: { found: ['vhd'], format: 'vpc' },
  vhdx: { found: ['vhdx'], format: 'vhdx' },
};

interface Examination {
  readonly image: Image;
  readonly inspection: Inspection;
  readonly path: string;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

const refused = (image: Image, why: string): KilonovaError =>
  invalid(`Image ${image.id} is unacceptable: ${why}`, { code: 'image-unacceptable' });

/** The format a received image really has; refuses one that is not what it says, or that reaches for other files. */
export async function examineImage({ image, inspection, path, settings, signal }: Examination): Promise<DiskFormat> {
  const declared = image.diskFormat ?? '';
  const expected = Object.hasOwn(allowed, declared) ? allowed[declared] : undefined;
  if (expected === undefined) throw refused(image, `disks of format '${declared}' cannot be used.`);
  const container = image.containerFormat ?? 'bare';
  if (container !== 'bare' && container !== declared) throw refused(image, `its data is inside a '${container}' container.`);
  if (inspection.problems.length > 0) throw refused(image, inspection.problems.join('; '));
  const other = inspection.formats.find((format) => !expected.found.includes(format));
  if (other !== undefined) throw refused(image, `it says that it is ${declared} and is ${other}.`);
  const { format } = expected;
  if (format === 'raw') return format;

  const { stdout } = await runCommand({ ...qemuImg(settings, signal), args: ['info', '-f', format, '--output=json', '--', path] });
  const info = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  for (const reach of ['backing-filename', 'full-backing-filename', 'data-file']) {
    if (info[reach] !== undefined) throw refused(image, 'it refers to another file.');
  }
  return format;
}

export interface Conversion {
  readonly from: string;
  readonly fromFormat: DiskFormat;
  readonly to: string;
  readonly toFormat: 'raw' | 'qcow2';
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

/** Writes an image that was examined in another format. */
export async function convertImage({ from, fromFormat, to, toFormat, settings, signal }: Conversion): Promise<void> {
  const command = qemuImg(settings, signal);
  await runCommand({
    ...command,
    limits: { addressSpaceBytes: command.limits?.addressSpaceBytes ?? 0 },
    timeoutMs: 3_600_000,
    args: ['convert', '-f', fromFormat, '-O', toFormat, '-t', 'writeback', '--', from, to],
  });
}

/** qemu-img within what the settings allow it. */
export const qemuImg = ({ libvirt }: Settings, signal: AbortSignal): Omit<Command, 'args'> => ({
  program: 'qemu-img',
  limits: { cpuSeconds: libvirt.images_cpu_time_limit, addressSpaceBytes: libvirt.images_address_space_limit * 1024 ** 3 },
  signal,
});
