import type { Instance, InstanceImage } from '../../../domain/instance.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import { conflict, isKind, KilonovaError } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition, updateInstance } from '../../../store/instances.ts';
import { requestSpecOf, updateRequestSpec } from '../../../store/mappings.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { disconnectVolumes } from '../move-volumes.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { plugPorts } from '../ports.ts';
import { shelvedKeys, unbindPorts, withoutShelved } from '../shelved.ts';
import { discardImage } from '../snapshots.ts';
import { completeVolumes } from '../volumes.ts';
import { destroyOnHost } from './destroy-on-host.ts';

export interface UnshelveParams extends OperationParams {
  /** Whether the server was on no host any more. */
  readonly offloaded: boolean;
  /** The zone it is to be in from now on; null is any, undefined as before. */
  readonly availabilityZone?: string | null;
  /** The host an administrator wants it on. */
  readonly host: string | null;
}

const event = 'compute_unshelve_instance';

/** Brings a shelved server back: on its host by starting it, elsewhere by building it from the image of its disk, which is deleted then. */
export const unshelveInstance = saga<UnshelveParams, ConductorDeps>('unshelve-instance', { deadlineSeconds: deadlineOfCopies })
  .step('placed', {
    run: async ({ params, deps, signal }) => {
      if (!params.offloaded) return null;
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const spec = await requestSpecOf(deps.stores, instance.id);
      if (spec === null) throw new KilonovaError('internal', 'The request of this instance is not recorded.');
      const image = await shelvedImage(deps, instance);
      const selection = await deps.scheduler.selectDestinations(
        { spec: { ...wanted(spec, params), image: image ?? instance.image }, instanceIds: [instance.id] },
        { signal, timeoutMs: 60_000 },
      );
      if (!selection.found) throw new KilonovaError('internal', selection.message, { code: 'NoValidHost' });
      const { chosen } = selection.destinations[0]!;
      if (chosen.cellId !== cellId)
        throw conflict('No valid host was found. The only hosts that fit are in other cells.', { code: 'NoValidHost' });
      return { image, chosen };
    },
    undo: async ({ params, deps, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (params.offloaded && (found === null || found.instance.taskState === 'unshelving'))
        await deps.placement.deleteAllocations(deps.identity.serviceSession, params.instanceId);
      await concludeOperation(deps, params, { event, whileTask: ['unshelving'], host: null, failure });
    },
  })
  .step('spawned', {
    run: async ({ params, results: { placed }, deps, idempotencyKey, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const options = { key: idempotencyKey, epoch: instance.epoch, signal };
      if (placed === null) {
        const order = guestOrder(deps.settings, instance);
        const { powerState } = await deps.agentOn(instance.host ?? '').powerOn({ order }, options);
        return { powerState, host: instance.host ?? '' };
      }
      const { chosen, image } = placed;
      const spec = await requestSpecOf(deps.stores, instance.id);
      const networkInfo = await plugPorts(deps, instance, chosen.host, {
        networks: keptNetworks(instance, spec),
        securityGroups: spec?.securityGroups ?? [],
      });
      const there = await transition(
        deps.stores.cell(cellId),
        instance.id,
        { whileTask: ['unshelving'] },
        { host: chosen.host, node: chosen.node, availabilityZone: chosen.availabilityZone, networkInfo },
      );
      if (there === null) throw conflict('The server is being deleted.', { code: 'deleting' });
      const order = { ...guestOrder(deps.settings, there), ...(image === null ? {} : { image }) };
      const { powerState } = await deps.agentOn(chosen.host).spawn({ order }, options);
      await completeVolumes(deps, there.blockDevices);
      return { powerState, host: chosen.host };
    },
    undo: async ({ params, results: { placed }, deps, idempotencyKey }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return;
      const { instance, cellId } = found;
      if (placed === null) {
        if (instance.host === null || instance.taskState !== 'unshelving') return;
        await deps
          .agentOn(instance.host)
          .powerOff({ instanceId: instance.id, graceSeconds: 0 }, { key: `${idempotencyKey}/undo`, epoch: instance.epoch })
          .catch((error: unknown) => {
            if (!isKind(error, 'unavailable', 'notFound')) throw error;
          });
        return;
      }
      await destroyOnHost(deps, instance.id, placed.chosen.host, instance.networkInfo, `${idempotencyKey}/undo`);
      await unbindPorts(deps, instance.id);
      await disconnectVolumes(deps, found, `${idempotencyKey}/undo`);
      await updateInstance(deps.stores.cell(cellId), instance.id, { host: null, node: null });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { placed, spawned }, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      const { instance } = found;
      if (params.offloaded && params.availabilityZone !== undefined)
        await updateRequestSpec(deps.stores, instance.id, { availabilityZone: params.availabilityZone });
      const imageId = instance.systemMetadata[shelvedKeys.imageId];
      await concludeOperation(deps, params, {
        event,
        whileTask: ['unshelving'],
        vmState: 'active',
        changes: {
          powerState: spawned.powerState,
          systemMetadata: withoutShelved(instance.systemMetadata),
          ...(placed === null ? {} : { launchedAt: new Date(deps.clock.now()).toISOString() }),
        },
        host: spawned.host,
      });
      if (imageId !== undefined) await discardImage(deps, { instanceId: instance.id, imageId }, null);
      return null;
    },
  });

/** What is asked of the scheduler: the request of its creation, but for hosts that were named then, and with what is named now. */
const wanted = (spec: RequestSpec, { availabilityZone, host }: UnshelveParams): RequestSpec => ({
  ...spec,
  availabilityZone: availabilityZone === undefined ? spec.availabilityZone : availabilityZone,
  forceHost: null,
  forceNode: null,
  requestedHost: host,
  requestedNode: null,
});

/** The ports it has, each as one that is brought: nothing is made anew that was taken off meanwhile. */
const keptNetworks = (instance: Instance, spec: RequestSpec | null): RequestSpec['requestedNetworks'] =>
  instance.networkInfo.length === 0 && spec !== null
    ? spec.requestedNetworks
    : instance.networkInfo.map(({ portId, networkId, tag }) => ({ networkId, portId, fixedIp: null, tag }));

/** The image of its disk, as a guest is made from it; null where there is none because its disk is a volume. */
async function shelvedImage(deps: ConductorDeps, instance: Instance): Promise<InstanceImage | null> {
  const imageId = instance.systemMetadata[shelvedKeys.imageId];
  if (imageId === undefined) return null;
  try {
    const image = await deps.image.show(deps.identity.serviceSession, imageId);
    return {
      id: image.id,
      name: image.name,
      diskFormat: image.diskFormat ?? 'raw',
      containerFormat: image.containerFormat ?? 'bare',
      minDisk: image.minDisk,
      minRam: image.minRam,
      size: image.size,
      checksum: image.checksum,
      properties: image.properties,
    };
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
    throw conflict(`Unshelve attempted but the image ${imageId} cannot be found.`, { cause: error });
  }
}
