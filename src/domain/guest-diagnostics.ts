import type { PowerState } from './instance.ts';

/** What went through an interface in one direction since the guest was started. */
export interface Traffic {
  readonly octets: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

/** How busy a guest is: totals since its start. Null is not known. */
export interface GuestDiagnostics {
  readonly powerState: PowerState;
  /** Nova's name of the driver, one of those its API may show. */
  readonly driver: 'libvirt' | 'ironic' | 'vmwareapi' | 'xenapi';
  readonly hypervisor: string | null;
  readonly hypervisorOs: string | null;
  readonly cpus: readonly { readonly id: number; readonly timeNs: number | null }[];
  readonly interfaces: readonly {
    readonly macAddress: string;
    /** Its name on the host; null while it has none. */
    readonly device: string | null;
    readonly received: Traffic | null;
    readonly sent: Traffic | null;
  }[];
  readonly disks: readonly {
    /** Its name in the guest, such as `vda`. */
    readonly name: string;
    readonly readBytes: number;
    readonly readRequests: number;
    readonly writeBytes: number;
    readonly writeRequests: number;
    readonly errors: number | null;
  }[];
  readonly memory: {
    readonly maximumKib: number;
    readonly usedKib: number;
    /** What else the guest tells of it, in KiB or as counts. */
    readonly told: Readonly<Record<string, number>>;
  };
}
