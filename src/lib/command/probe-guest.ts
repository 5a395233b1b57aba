import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';
import { messageOf } from '../errors.ts';

/** QEMU's exit device ends the emulator with twice the byte that a guest writes to it, and one. */
const byte = 0x2a;
const told = byte * 2 + 1;
const port = 0xf4;

/**
 * Runs a guest of three instructions under an accelerator and waits for the sign of life it gives. Answers null when it came, else what stood in the way.
 * Nothing less tells: `/dev/kvm` may be there where no processor can be made, such as inside another virtual machine.
 */
export async function probeGuest(accelerator: 'kvm' | 'tcg', signal?: AbortSignal): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-probe-'));
  try {
    // a processor begins 16 bytes below the end of its firmware: mov al, byte; out port, al; hlt
    const firmware = Buffer.alloc(64 * 1024, 0xf4);
    firmware.set([0xb0, byte, 0xe6, port, 0xf4], firmware.length - 16);
    const file = join(directory, 'firmware');
    await writeFile(file, firmware);
    const exit = `isa-debug-exit,iobase=${port},iosize=1`;
    const args = [
      '-accel',
      accelerator,
      '-machine',
      'pc',
      '-cpu',
      accelerator === 'kvm' ? 'host' : 'qemu64',
      '-m',
      '1',
      '-nodefaults',
      '-display',
      'none',
      '-device',
      exit,
      '-bios',
      file,
    ];
    const { exitCode } = await runCommand({
      program: 'qemu-system-x86_64',
      args,
      timeoutMs: 15_000,
      answers: [told],
      ...(signal === undefined ? {} : { signal }),
    });
    return exitCode === told ? null : `the guest gave no sign of life (QEMU ended with ${exitCode})`;
  } catch (error) {
    const said = error instanceof Error && error.cause instanceof Error ? error.cause.message.trim().split('\n').at(-1) : '';
    return said === undefined || said === '' ? messageOf(error) : said;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
