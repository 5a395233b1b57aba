import type { AnyRoute } from '../../../lib/http/route.ts';
import type { ApiDeps } from '../deps.ts';
import { aggregateActions, aggregateRoutes } from './aggregates/routes.ts';
import { bareMetalRoutes } from './bare-metal/routes.ts';
import { assistedVolumeSnapshotRoutes } from './assisted-volume-snapshots/routes.ts';
import { availabilityZoneRoutes } from './availability-zones/routes.ts';
import { consoleAuthTokenRoutes } from './console-auth-tokens/routes.ts';
import { extensionRoutes } from './extensions/routes.ts';
import { externalEventRoutes } from './external-events/routes.ts';
import { flavorActions } from './flavors/access.ts';
import { flavorRoutes } from './flavors/routes.ts';
import { floatingIpActions } from './floating-ips/actions.ts';
import { floatingIpPoolRoutes } from './floating-ips/pools.ts';
import { floatingIpRoutes } from './floating-ips/routes.ts';
import { hostRoutes } from './hosts/routes.ts';
import { hypervisorRoutes } from './hypervisors/routes.ts';
import { imageRoutes } from './images/routes.ts';
import { imageMetadataRoutes } from './images/metadata-routes.ts';
import { instanceActionRoutes } from './instance-actions/routes.ts';
import { keyPairRoutes } from './key-pairs/routes.ts';
import { limitRoutes } from './limits/routes.ts';
import { migrationRoutes } from './migrations/routes.ts';
import { serverMigrationActions, serverMigrationRoutes } from './migrations/server-migrations.ts';
import { networkRoutes } from './networks/routes.ts';
import { quotaSetRoutes } from './quota-sets/routes.ts';
import { serverDiagnosticsRoutes } from './server-diagnostics/routes.ts';
import { remoteConsoleActions, remoteConsoleRoutes } from './remote-consoles/routes.ts';
import { serverGroupRoutes } from './server-groups/routes.ts';
import { serverAddressRoutes } from './server-addresses/routes.ts';
import { fixedIpActions } from './server-interfaces/actions.ts';
import { serverInterfaceRoutes } from './server-interfaces/routes.ts';
import { serverMetadataRoutes } from './server-metadata/routes.ts';
import { serverPasswordRoutes } from './server-password/routes.ts';
import { serverShareRoutes } from './server-shares/routes.ts';
import { serverTopologyRoutes } from './server-topology/routes.ts';
import { serverTagRoutes } from './server-tags/routes.ts';
import { retiredRoutes } from './retired/routes.ts';
import { securityGroupActions } from './security-groups/actions.ts';
import { securityGroupRoutes } from './security-groups/routes.ts';
import { serverActions } from './servers/actions.ts';
import { serverRoutes } from './servers/routes.ts';
import { serviceRoutes } from './services/routes.ts';
import { versionByIdRoutes } from './versions/routes.ts';
import { usageAuditRoutes } from './usage-audits/routes.ts';
import { volumesBootActions, volumesBootRoutes } from './volumes-boot/routes.ts';
import { tenantUsageRoutes } from './tenant-usage/routes.ts';
import { volumeRoutes } from './volumes/routes.ts';
import { volumeAttachmentRoutes } from './volume-attachments/routes.ts';

/** Every route of the Compute API, by resource. */
export const routes: readonly AnyRoute<ApiDeps>[] = [
  ...serverRoutes,
  ...serverMetadataRoutes,
  ...serverTagRoutes,
  ...serverAddressRoutes,
  ...serverInterfaceRoutes,
  ...serverPasswordRoutes,
  ...volumeAttachmentRoutes,
  ...remoteConsoleRoutes,
  ...consoleAuthTokenRoutes,
  ...instanceActionRoutes,
  ...flavorRoutes,
  ...keyPairRoutes,
  ...serviceRoutes,
  ...hypervisorRoutes,
  ...aggregateRoutes,
  ...availabilityZoneRoutes,
  ...serverGroupRoutes,
  ...limitRoutes,
  ...quotaSetRoutes,
  ...tenantUsageRoutes,
  ...extensionRoutes,
  ...externalEventRoutes,
  ...imageRoutes,
  ...imageMetadataRoutes,
  ...hostRoutes,
  ...serverDiagnosticsRoutes,
  ...migrationRoutes,
  ...serverMigrationRoutes,
  ...serverShareRoutes,
  ...serverTopologyRoutes,
  ...usageAuditRoutes,
  ...networkRoutes,
  ...floatingIpPoolRoutes,
  ...floatingIpRoutes,
  ...securityGroupRoutes,
  ...volumeRoutes,
  ...assistedVolumeSnapshotRoutes,
  ...volumesBootRoutes,
  ...bareMetalRoutes,
  ...versionByIdRoutes,
  ...retiredRoutes,
];

/** Every path that takes actions. */
export const actionRoutes = [
  {
    ...serverActions,
    actions: [...serverActions.actions, ...floatingIpActions, ...remoteConsoleActions, ...fixedIpActions, ...securityGroupActions],
    retired: ['resetNetwork'],
  },
  serverMigrationActions,
  volumesBootActions,
  flavorActions,
  aggregateActions,
] as const;
