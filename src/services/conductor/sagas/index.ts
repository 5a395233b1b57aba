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
import { placeInstances } from './place-instances.ts';
import { resizeInstance } from './resize-instance.ts';
import { revertResize } from './revert-resize.ts';

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
  cacheImages,
  attachInterface,
  detachInterface,
  attachVolume,
  detachVolume,
  extendVolume,
];
