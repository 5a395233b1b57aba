import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { messageOf } from '../../../../lib/errors.ts';

export interface KvmProbe {
  readonly works: boolean;
  /** What stood in the way. */
  readonly reason: string | null;
}

/** What QEMU's exit device makes of the byte our guest writes. */
const byte = 0x10;
const goodExit = (byte << 1) | 1;

/**
 * Whether KVM really runs a guest: one whose firmware is three instructions long, at the address where a processor begins.
 * `/dev/kvm` may exist where no processor can be made, such as inside another virtual machine.
 */
export async function probeKvm(signal?: AbortSignal): Promise<KvmProbe> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-kvm-'));
  try {
    const firmware = join(directory, 'firmware');
    const rom = Buffer.alloc(65_536, 0xf4);
    rom.set([0xb0, byte, 0xe6, 0xf4, 0xf4], 0xfff0); // mov al, byte; out 0xf4, al; hlt
    await writeFile(firmware, rom);
    const { exitCode } = await runCommand({
      program: 'qemu-system-x86_64',
      args: [
        '-accel',
        'kvm',
        '-machine',
        'pc',
        '-cpu',
        'host',
        '-m',
        '1',
        '-nodefaults',
        '-display',
        'none',
        '-device',
        'isa-debug-exit,iobase=0xf4,iosize=4',
        '-bios',
        firmware,
      ],
      timeoutMs: 10_000,
      answers: [goodExit],
      ...(signal === undefined ? {} : { signal }),
    });
    return exitCode === goodExit ? { works: true, reason: null } : { works: false, reason: `the guest ended with ${exitCode}` };
  } catch (error) {
    signal?.throwIfAborted();
    const said = error instanceof Error && error.cause instanceof Error ? error.cause.message.trim().split('\n').at(-1) : undefined;
    return { works: false, reason: said === undefined || said === '' ? messageOf(error) : said };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
