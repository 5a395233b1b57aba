import { powerStates, type Instance } from '../../domain/instance.ts';
import { findInstance, transition } from '../../store/instances.ts';
import type { ConductorDeps } from './deps.ts';
import { disconnectVolumes } from './move-volumes.ts';
import { concludeOperation, type OperationParams } from './outcome.ts';
import { discardImage } from './snapshots.ts';
import { destroyOnHost } from './sagas/destroy-on-host.ts';

/** What a shelved server keeps of its shelving, by Nova's names. */
export const shelvedKeys = { at: 'shelved_at', imageId: 'shelved_image_id', host: 'shelved_host' } as const;

/** The system metadata of a server that is no longer shelved. */
export function withoutShelved(systemMetadata: Instance['systemMetadata']): Instance['systemMetadata'] {
  const keys = new Set<string>(Object.values(shelvedKeys));
  return Object.fromEntries(Object.entries(systemMetadata).filter(([key]) => !keys.has(key)));
}

/** Ports stay a server's own while it is on no host. */
export async function unbindPorts({ network, identity }: ConductorDeps, instanceId: string): Promise<void> {
  const session = identity.serviceSession;
  const ports = await network.ports(session, { device_id: instanceId });
  const bound = ports.filter(({ binding }) => binding.hostId !== '');
  await Promise.all(bound.map(({ id }) => network.updatePort(session, id, { hostId: '' })));
}

/** The image of a shelved server's disk is its own, and goes with it. */
export async function discardShelvedImage(deps: ConductorDeps, instance: Instance | null): Promise<void> {
  const imageId = instance?.systemMetadata[shelvedKeys.imageId];
  if (instance !== null && imageId !== undefined) await discardImage(deps, { instanceId: instance.id, imageId }, null);
}

/** Takes a shelved server off its host: its guest, its claim and the binding of its ports. It is carried through however often it is begun. */
export async function offload(deps: ConductorDeps, params: OperationParams, key: string): Promise<void> {
  const found = await findInstance(deps.stores, params.instanceId);
  if (found === null) return;
  const { instance, cellId } = found;
  if (instance.host !== null) {
    await destroyOnHost(deps, instance.id, instance.host, instance.networkInfo, key);
    await unbindPorts(deps, instance.id);
    await disconnectVolumes(deps, found, key);
    await deps.placement.deleteAllocations(deps.identity.serviceSession, instance.id);
    await transition(
      deps.stores.cell(cellId),
      instance.id,
      { whileTask: ['shelving', 'shelving_offloading'], vmState: 'shelved_offloaded' },
      { host: null, node: null, powerState: powerStates.shutdown },
    );
  }
  await concludeOperation(deps, params, {
    event: 'compute_shelve_offload_instance',
    whileTask: ['shelving', 'shelving_offloading'],
    host: instance.host ?? instance.systemMetadata[shelvedKeys.host] ?? null,
  });
}
