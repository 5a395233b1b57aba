import { invalid } from '../../lib/errors.ts';
import type { DeviceSpec, PciDevice } from './device-spec.ts';
import { resourceClassOf } from './pci-pool.ts';

/** A card, or a device by itself, as placement counts it: below the provider of its node. */
export interface PciProvider {
  readonly uuid: string;
  readonly name: string;
  readonly resourceClass: string;
  readonly traits: readonly string[];
  /** Addresses of what guests may have of it. */
  readonly devices: readonly string[];
  /** What was given once is given to nobody else before an operator has cleaned it. */
  readonly oneTimeUse: boolean;
}

/** The trait by which providers of PCI devices are told from others below a node. */
export const pciProviderTrait = 'COMPUTE_MANAGED_PCI_DEVICE';

/**
 * The providers of the devices guests may have: virtual functions are counted at their card. Devices for ports are the network's business. What placement
 * cannot count without ambiguity is refused.
 */
export function pciProvidersOf(
  nodeName: string,
  devices: readonly PciDevice[],
  specs: readonly DeviceSpec[],
  uuidOf: (name: string) => string,
): readonly PciProvider[] {
  const byCard = new Map<string, { device: PciDevice; spec: DeviceSpec }[]>();
  for (const device of devices) {
    const spec = specs.find(({ matches }) => matches(device));
    if (spec === undefined || spec.offer.physicalNetwork !== undefined) continue;
    if (spec.namesInterface)
      throw invalid('[pci] device_spec: devname cannot be used with [pci] report_in_placement: interfaces come and go; use address.');
    const card = device.parentAddress ?? device.address;
    byCard.set(card, [...(byCard.get(card) ?? []), { device, spec }]);
  }
  return [...byCard].map(([card, members]): PciProvider => {
    const [first] = members;
    const { offer } = first!.spec;
    const kinds = new Set(members.map(({ device }) => device.deviceType === 'type-VF'));
    if (kinds.size > 1) throw invalid(`[pci] device_spec: ${card} is offered as a whole and in parts; placement can count one of them.`);
    const shapes = new Set(
      members.map(({ device, spec }) => JSON.stringify([resourceClassOf({ ...spec.offer, ...device }), spec.offer.traits.toSorted()])),
    );
    if (shapes.size > 1) throw invalid(`[pci] device_spec: the functions of ${card} have resource classes or traits that differ.`);
    const name = `${nodeName}_${card.toUpperCase()}`;
    const own = [...(offer.liveMigratable ? ['HW_PCI_LIVE_MIGRATABLE'] : []), ...(offer.oneTimeUse ? ['HW_PCI_ONE_TIME_USE'] : [])];
    return {
      uuid: uuidOf(name),
      name,
      resourceClass: resourceClassOf({ ...offer, ...first!.device }),
      traits: [...new Set([...offer.traits, ...own, pciProviderTrait, 'OWNER_NOVA'])].toSorted(),
      devices: members.map(({ device }) => device.address),
      oneTimeUse: offer.oneTimeUse,
    };
  });
}
