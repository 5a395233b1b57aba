import type { FittedTopology } from './numa/guest-topology.ts';

/** Under which what a guest had is kept while it is set aside: it may come back. */
export const asideKey = (instanceId: string): string => `${instanceId}/aside`;

/** What a guest has of its host for itself: where it is laid out, and which PCI devices it was given. */
export interface GuestHolding {
  /** Null for a guest that floats over the host. */
  readonly topology: FittedTopology | null;
  /** Addresses. */
  readonly pciDevices: readonly string[];
}
