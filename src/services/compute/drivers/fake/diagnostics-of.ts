import type { GuestDiagnostics } from '../../../../domain/guest-diagnostics.ts';
import { powerStates } from '../../../../domain/instance.ts';
import { conflict } from '../../../../lib/errors.ts';
import type { FakeGuest } from './guest-book.ts';

/** What is known of a guest that does nothing: how large it is. */
export function diagnosticsOf({ id, powerState, vcpus, memoryMb, diskGb }: FakeGuest): GuestDiagnostics {
  if (powerState !== powerStates.running)
    throw conflict(`Guest ${id} does not run: there is nothing to diagnose.`, { code: 'power-state' });
  const idle = { readBytes: 0, readRequests: 0, writeBytes: 0, writeRequests: 0, errors: null };
  return {
    powerState,
    driver: 'libvirt', // the API's schema names no driver without guests; Nova's own fake one says the same
    hypervisor: 'fake',
    hypervisorOs: null,
    cpus: Array.from({ length: vcpus }, (_, cpu) => ({ id: cpu, timeNs: null })),
    interfaces: [],
    disks: diskGb === 0 ? [] : [{ name: 'vda', ...idle }],
    memory: { maximumKib: memoryMb * 1024, usedKib: memoryMb * 1024, told: {} },
  };
}
