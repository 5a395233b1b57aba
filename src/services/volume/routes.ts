import type { ActionRoute, AnyRoute } from '../../lib/http/route.ts';
import type { VolumeDeps } from './deps.ts';
import { attachmentActions, attachmentRoutes } from './resources/attachments.ts';
import { extensionRoutes } from './resources/documents.ts';
import { metadataRoutes } from './resources/metadata.ts';
import { operatorRoutes } from './resources/operator.ts';
import { qosRoutes } from './resources/qos-specs.ts';
import { quotaRoutes } from './resources/quotas.ts';
import { snapshotActions, snapshotRoutes } from './resources/snapshots.ts';
import { transferRoutes } from './resources/transfers.ts';
import { typeEncryptionRoutes } from './resources/type-encryption.ts';
import { extraSpecRoutes } from './resources/type-extra-specs.ts';
import { typeActions, typeRoutes } from './resources/types.ts';
import { volumeActions } from './resources/volume-actions.ts';
import { volumeRoutes as ofVolumes } from './resources/volumes.ts';

/** Every route of the Block Storage API, below its mounts. */
export const volumeRoutes: readonly AnyRoute<VolumeDeps>[] = [
  ...ofVolumes,
  ...metadataRoutes,
  ...snapshotRoutes,
  ...attachmentRoutes,
  ...typeRoutes,
  ...extraSpecRoutes,
  ...typeEncryptionRoutes,
  ...qosRoutes,
  ...quotaRoutes,
  ...transferRoutes,
  ...operatorRoutes,
  ...extensionRoutes,
];

// oxlint-disable-next-line typescript/no-explicit-any -- action routes of several resources stand in one list
export const volumeActionRoutes: readonly ActionRoute<VolumeDeps, any>[] = [volumeActions, snapshotActions, attachmentActions, typeActions];

/** With a project, as catalogs have always named it, and without, as clients may since 3.67. */
export const volumeMounts = ['/v3/:projectId', '/v3'] as const;
