import type { Saga } from '../../../lib/saga/saga.ts';
import type { ConductorDeps } from '../deps.ts';
import { attachInterface } from './attach-interface.ts';
import { attachVolume } from './attach-volume.ts';
import { buildInstance } from './build-instance.ts';
import { cacheImages } from './cache-images.ts';
import { changePower } from './change-power.ts';
import { deleteInstance } from './delete-instance.ts';
import { detachInterface } from './detach-interface.ts';
import { detachVolume } from './detach-volume.ts';
import { extendVolume } from './extend-volume.ts';
import { confirmResize } from './confirm-resize.ts';
import { evacuateInstance } from './evacuate-instance.ts';
import { liveMigrate } from './live-migrate.ts';
import { placeInstances } from './place-instances.ts';
import { resizeInstance } from './resize-instance.ts';
import { revertResize } from './revert-resize.ts';
import { changePassword } from './change-password.ts';
import { offloadInstance } from './offload-instance.ts';
import { rebuildInstance } from './rebuild-instance.ts';
import { rescueInstance } from './rescue-instance.ts';
import { restoreInstance } from './restore-instance.ts';
import { shelveInstance } from './shelve-instance.ts';
import { snapshotInstance } from './snapshot-instance.ts';
import { snapshotVolumes } from './snapshot-volumes.ts';
import { softDeleteInstance } from './soft-delete-instance.ts';
import { triggerCrashDump } from './trigger-crash-dump.ts';
import { unrescueInstance } from './unrescue-instance.ts';
import { unshelveInstance } from './unshelve-instance.ts';

/** Every saga. A new one stands here, and its three generic tests in `test/simulation/sagas.test.ts`. */
// oxlint-disable-next-line typescript/no-explicit-any -- sagas of all parameters stand in one list
export const sagas: readonly Saga<any, ConductorDeps>[] = [
  placeInstances,
  buildInstance,
  deleteInstance,
  changePower,
  resizeInstance,
  confirmResize,
  revertResize,
  liveMigrate,
  evacuateInstance,
  cacheImages,
  attachInterface,
  detachInterface,
  attachVolume,
  detachVolume,
  extendVolume,
  changePassword,
  offloadInstance,
  rebuildInstance,
  rescueInstance,
  restoreInstance,
  shelveInstance,
  snapshotInstance,
  snapshotVolumes,
  softDeleteInstance,
  triggerCrashDump,
  unrescueInstance,
  unshelveInstance,
];
