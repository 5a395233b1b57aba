import Type from 'typebox';
import type { GuestDiagnostics, Traffic } from '../../../../domain/guest-diagnostics.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';

/** What a guest tells of itself, with what its server knows. */
export interface DiagnosedServer {
  readonly guest: GuestDiagnostics;
  readonly configDrive: boolean;
  readonly uptimeSeconds: number | null;
}

const Count = Type.Union([Type.Integer(), Type.Null()]);
const OrNull = Type.Union([Type.String(), Type.Null()]);
/** The names of power states, by their numbers. */
const states: Readonly<Record<number, string>> = { 0: 'pending', 1: 'running', 3: 'paused', 4: 'shutdown', 6: 'crashed', 7: 'suspended' };

const direction = (prefix: 'rx' | 'tx', traffic: Traffic | null) => ({
  [`${prefix}_octets`]: traffic?.octets ?? null,
  [`${prefix}_errors`]: traffic?.errors ?? null,
  [`${prefix}_drop`]: traffic?.dropped ?? null,
  [`${prefix}_packets`]: traffic?.packets ?? null,
  [`${prefix}_rate`]: null,
});

/** Diagnostics since 2.48: the same keys whatever the hypervisor. */
export const diagnosticsView = versionedView<DiagnosedServer>('ServerDiagnostics', {
  state: { type: Type.Enum(Object.values(states)), get: ({ guest }) => states[guest.powerState] },
  driver: { type: Type.Enum(['libvirt', 'ironic', 'vmwareapi', 'xenapi']), get: ({ guest }) => guest.driver },
  hypervisor: { type: OrNull, get: ({ guest }) => guest.hypervisor },
  hypervisor_os: { type: OrNull, get: ({ guest }) => guest.hypervisorOs },
  uptime: { type: Count, get: ({ uptimeSeconds }) => uptimeSeconds },
  config_drive: { type: Type.Boolean(), get: ({ configDrive }) => configDrive },
  num_cpus: { type: Type.Integer(), get: ({ guest }) => guest.cpus.length },
  num_nics: { type: Type.Integer(), get: ({ guest }) => guest.interfaces.length },
  num_disks: { type: Type.Integer(), get: ({ guest }) => guest.disks.length },
  cpu_details: {
    type: Type.Array(Type.Object({ id: Count, time: Count, utilisation: Count })),
    get: ({ guest }) => guest.cpus.map(({ id, timeNs }) => ({ id, time: timeNs, utilisation: null })),
  },
  nic_details: {
    type: Type.Array(Type.Object({ mac_address: OrNull }, { additionalProperties: Count })),
    get: ({ guest }) =>
      guest.interfaces.map(({ macAddress, received, sent }) => ({
        mac_address: macAddress,
        ...direction('rx', received),
        ...direction('tx', sent),
      })),
  },
  disk_details: {
    type: Type.Array(
      Type.Object({ read_bytes: Count, read_requests: Count, write_bytes: Count, write_requests: Count, errors_count: Count }),
    ),
    get: ({ guest }) =>
      guest.disks.map((disk) => ({
        read_bytes: disk.readBytes,
        read_requests: disk.readRequests,
        write_bytes: disk.writeBytes,
        write_requests: disk.writeRequests,
        errors_count: disk.errors,
      })),
  },
  memory_details: {
    type: Type.Object({ maximum: Count, used: Count }),
    get: ({ guest: { memory } }) => ({ maximum: Math.round(memory.maximumKib / 1024), used: Math.round(memory.usedKib / 1024) }),
  },
});

/** Diagnostics until 2.47: one flat map, with the names of the guest's devices in its keys. */
export function flatDiagnostics({ cpus, disks, interfaces, memory }: GuestDiagnostics): Readonly<Record<string, number>> {
  const ofInterface = (device: string, suffix: 'rx' | 'tx', traffic: Traffic | null): [string, number][] =>
    traffic === null
      ? []
      : [
          [`${device}_${suffix}`, traffic.octets],
          [`${device}_${suffix}_packets`, traffic.packets],
          [`${device}_${suffix}_errors`, traffic.errors],
          [`${device}_${suffix}_drop`, traffic.dropped],
        ];
  return Object.fromEntries([
    ...cpus.flatMap(({ id, timeNs }): [string, number][] => (timeNs === null ? [] : [[`cpu${id}_time`, timeNs]])),
    ...disks.flatMap(({ name, ...disk }): [string, number][] => [
      [`${name}_read_req`, disk.readRequests],
      [`${name}_read`, disk.readBytes],
      [`${name}_write_req`, disk.writeRequests],
      [`${name}_write`, disk.writeBytes],
      [`${name}_errors`, disk.errors ?? -1],
    ]),
    ...interfaces.flatMap(({ device, received, sent }) =>
      device === null ? [] : [...ofInterface(device, 'rx', received), ...ofInterface(device, 'tx', sent)],
    ),
    ['memory', memory.maximumKib],
    ...Object.entries(memory.told).map(([name, value]): [string, number] => [`memory-${name}`, value]),
  ]);
}
