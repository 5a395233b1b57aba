import { access, constants, readFile } from 'node:fs/promises';
import { probeGuest } from '../../../lib/command/probe-guest.ts';
import { pathOfProgram } from '../../../lib/command/run-command.ts';
import { messageOf } from '../../../lib/errors.ts';
import { connectLibvirt, defaultSocketPath, formatVersion, getVersions } from '../../../lib/libvirt/index.ts';
import { good, missing, warning, type Check, type Finding } from '../check.ts';
import { accelerators } from '../verdict.ts';

/** What runs guests. */
export const guestChecks: readonly Check[] = [
  {
    id: accelerators.kvm,
    about: 'KVM',
    neededFor: [],
    async look(signal) {
      const there = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      );
      if (!there) return warning('no /dev/kvm that can be used: guests are emulated, many times slower', await howToHaveKvm());
      const problem = await probeGuest('kvm', signal);
      if (problem === null) return good('a guest really runs');
      return warning(
        `/dev/kvm is there, but no guest runs: ${problem}`,
        'Guests are emulated, many times slower. Inside a virtual machine: turn nested virtualization on in the host of it.',
      );
    },
  },
  {
    id: accelerators.emulation,
    about: 'Emulation (TCG)',
    neededFor: [],
    async look(signal) {
      const problem = await probeGuest('tcg', signal);
      return problem === null
        ? good('a guest really runs')
        : missing(`no guest runs: ${problem}`, 'apt-get install --no-install-recommends qemu-system-x86');
    },
  },
  { id: 'libvirt', about: 'libvirtd', neededFor: ['realGuests', 'tests'], look: lookForLibvirt },
];

async function lookForLibvirt(signal: AbortSignal): Promise<Finding> {
  try {
    pathOfProgram('libvirtd');
  } catch {
    return missing('not installed', 'apt-get install --no-install-recommends libvirt-daemon-system');
  }
  try {
    const client = await connectLibvirt({
      transport: { kind: 'unix', path: defaultSocketPath },
      name: 'qemu:///system',
      connectTimeoutMs: 5_000,
      signal,
    });
    try {
      const { libvirt, hypervisor } = await getVersions(client, { signal });
      return good(`answers: libvirt ${formatVersion(libvirt)}, QEMU ${formatVersion(hypervisor)}`);
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof Error && /ENOENT|ECONNREFUSED/.test(String(error.cause)))
      return warning('does not run; ./kilonova up starts it', 'virtlogd -d; libvirtd -d');
    return missing(`does not answer: ${messageOf(error)}`, 'virsh -c qemu:///system version');
  }
}

async function howToHaveKvm(): Promise<string> {
  const flags = await readFile('/proc/cpuinfo', 'utf8');
  if (/^flags.*\bvmx\b/m.test(flags)) return 'modprobe kvm_intel';
  if (/^flags.*\bsvm\b/m.test(flags)) return 'modprobe kvm_amd';
  return 'The processor shows neither VT-x nor AMD-V: turn it on in the firmware, or nested virtualization in the host of this virtual machine.';
}
