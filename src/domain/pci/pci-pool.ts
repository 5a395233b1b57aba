import { isKnownResourceClass } from '../resource-classes.ts';
import type { PciDeviceType } from './pci-request.ts';

/** Devices of a host that are alike in everything a request can ask for, and are free. */
export interface PciPool {
  readonly vendorId: string;
  readonly productId: string;
  readonly deviceType: PciDeviceType;
  /** Null where the host does not say. */
  readonly numaNode: number | null;
  /** Unset for devices that are for flavors; null for an overlay network. */
  readonly physicalNetwork?: string | null;
  readonly trusted: boolean;
  readonly remoteManaged: boolean;
  readonly liveMigratable: boolean;
  /** How libvirt takes the device from its driver. */
  readonly managed: boolean;
  readonly oneTimeUse: boolean;
  /** Resource class and traits in placement, where they differ from what the ids say. */
  readonly resourceClass: string | null;
  readonly traits: readonly string[];
  /** Provider in placement, where devices are reported there. */
  readonly providerUuid: string | null;
  /** Addresses of the free devices, such as `0000:81:00.1`. */
  readonly devices: readonly string[];
}

export const freeDevices = (pools: readonly PciPool[]): number => pools.reduce((sum, { devices }) => sum + devices.length, 0);

/** Resource class of a device in placement. */
export const resourceClassOf = ({
  resourceClass,
  vendorId,
  productId,
}: Pick<PciPool, 'resourceClass' | 'vendorId' | 'productId'>): string =>
  resourceClass ?? `CUSTOM_PCI_${vendorId}_${productId}`.toUpperCase();

/** A name as placement takes it for a custom class or trait. */
export const customName = (text: string): string => {
  const name = text
    .trim()
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_');
  return name.startsWith('CUSTOM_') ? name : `CUSTOM_${name}`;
};

/** The same for a class, which may also be a standard one. */
export const resourceClassName = (text: string): string => {
  const name = text.trim().toUpperCase();
  return isKnownResourceClass(name) ? name : customName(text);
};
