import {
  accelerators,
  computeStatus,
  ephemeralEncryption,
  ownerNova,
  packedVirtqueue,
  remoteManagedPorts,
  tpmSecretSecurity,
  virtioSound,
} from './feature-traits.ts';
import { transformImageMetadata } from './image-metadata.ts';
import { requireImageTypeSupport } from './image-type-support.ts';
import { isolateAggregates } from './isolate-aggregates.ts';
import type { HostConditions, Prefilter, PrefilterContext } from './prefilter.ts';
import { routedNetworks } from './routed-networks.ts';
import { requireTenantAggregate } from './tenant-aggregate.ts';
import { mapZoneToAggregate } from './zone-aggregate.ts';

/** All of them, in the order they are applied. */
export const prefilters: readonly Prefilter[] = [
  requireTenantAggregate,
  mapZoneToAggregate,
  requireImageTypeSupport,
  computeStatus,
  isolateAggregates,
  transformImageMetadata,
  accelerators,
  packedVirtqueue,
  routedNetworks,
  remoteManagedPorts,
  ephemeralEncryption,
  virtioSound,
  tpmSecretSecurity,
  ownerNova,
];

/** What placement is told of hosts beside the resources; a text says why no host can do. */
export function hostConditions(context: PrefilterContext): HostConditions | string {
  const conditions: HostConditions = { rootRequired: new Set(), rootForbidden: new Set(), memberOf: [], notMemberOf: new Set() };
  for (const prefilter of prefilters) {
    const refusal = prefilter.apply(context, conditions);
    if (refusal !== null) return refusal;
  }
  return conditions;
}
