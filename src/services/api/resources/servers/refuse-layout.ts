import type { InstanceFlavor, InstanceImage } from '../../../../domain/instance.ts';
import type { RequestedNetworks } from '../../../../domain/network-info.ts';
import { guestTopologyOf } from '../../../../domain/numa/guest-topology-of.ts';
import { pciRequestsOf, readPciAliases } from '../../../../domain/pci/pci-aliases.ts';
import { portNeeds, type PortNeeds } from '../../../../domain/port-requests.ts';
import { invalid } from '../../../../lib/errors.ts';
import type { ApiDeps } from '../../deps.ts';

/** Refuses a flavor and an image that contradict each other, or themselves, on processors, memory pages, NUMA nodes or PCI devices. */
export function refuseLayout(
  { settings }: Pick<ApiDeps, 'settings'>,
  flavor: InstanceFlavor,
  image: Pick<InstanceImage, 'properties'> | null,
): void {
  guestTopologyOf({ flavor, image });
  pciRequestsOf({ flavor, image }, readPciAliases(settings.pci.alias), String);
}

type Image = Pick<InstanceImage, 'properties'> | null;

/** Refuses another image that asks for other processors, pages or nodes than the one a server has its place by. */
export function refuseOtherLayout(flavor: InstanceFlavor, before: Image, after: Image): void {
  const layout = (image: Image): string => JSON.stringify(guestTopologyOf({ flavor, image }));
  if (layout(before) !== layout(after))
    throw invalid("An instance's NUMA topology cannot be changed as part of a rebuild. The image provided is invalid for this instance.");
}

/** What the ports of a request need of its host, as only the service may see it. */
export async function needsOfPorts(deps: Pick<ApiDeps, 'network' | 'identity'>, networks: RequestedNetworks): Promise<Partial<PortNeeds>> {
  if (typeof networks === 'string') return {};
  const ids = networks.flatMap(({ portId }) => (portId === null ? [] : [portId]));
  if (ids.length === 0) return {};
  const { requestGroups, sameSubtree, remoteManagedPorts } = portNeeds(await deps.network.ports(deps.identity.serviceSession, { id: ids }));
  return {
    ...(requestGroups.length === 0 ? {} : { requestGroups }),
    ...(sameSubtree.length === 0 ? {} : { sameSubtree }),
    ...(remoteManagedPorts ? { remoteManagedPorts } : {}),
  };
}
