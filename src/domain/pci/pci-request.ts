/** How near to the guest's memory a PCI device must be. */
export type PciNumaPolicy = 'required' | 'legacy' | 'preferred' | 'socket';

export type PciDeviceType = 'type-PCI' | 'type-PF' | 'type-VF' | 'vdpa';

/** What a device must be to satisfy a request; what is not said does not matter. */
export interface PciRequestSpec {
  readonly vendorId?: string;
  readonly productId?: string;
  readonly deviceType?: PciDeviceType;
  /** Null is an overlay network. */
  readonly physicalNetwork?: string | null;
  readonly trusted?: boolean;
  readonly remoteManaged?: boolean;
  readonly liveMigratable?: boolean;
  readonly resourceClass?: string;
  readonly traits?: readonly string[];
}

/** So many devices, each as one of the specs says. */
export interface PciRequest {
  readonly id: string;
  readonly count: number;
  readonly specs: readonly PciRequestSpec[];
  /** Name of the alias, for what a flavor asks; the port, for what a port asks. */
  readonly alias: string | null;
  readonly portId: string | null;
  readonly numaPolicy: PciNumaPolicy;
}
