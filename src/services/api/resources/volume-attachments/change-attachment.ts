import type { BlockDevice } from '../../../../domain/instance.ts';
import { reasonAgainst } from '../../../../domain/instance-actions.ts';
import { wrongState } from '../../../../domain/faults.ts';
import { conflict, invalid, isKind, notFound, unsupported } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { changeInstance, type LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { toBoolean } from '../../schemas.ts';
import { refuseLocked } from '../servers/find-server.ts';
import { operate } from '../servers/operate.ts';
import { refuseShelved } from './attach-volume.ts';

/** The device of a server that is this volume. */
export function deviceOfVolume({ instance }: LocatedInstance, volumeId: string): BlockDevice {
  const device = instance.blockDevices.find((one) => one.volumeId === volumeId);
  if (device === undefined) throw notFound(`Instance ${instance.id} is not attached to volume ${volumeId}.`);
  return device;
}

/** Accepts that a server gives a volume back. */
export async function detachVolume(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance, volumeId: string): Promise<void> {
  const { instance } = located;
  refuseLocked(ctx, instance);
  refuseShelved(ctx, 'detach_volume', instance);
  const session = deps.identity.sessionOf(ctx.caller);
  await deps.volume.show(session, volumeId);
  const device = deviceOfVolume(located, volumeId);
  const against = reasonAgainst('detachVolume', instance);
  if (against !== null) throw wrongState('detach_volume', instance.id, against);
  if (device.bootIndex === 0 && instance.vmState !== 'shelved_offloaded') throw invalid(`Cannot detach a root device volume`);
  // from here on nobody else begins to detach it
  await deps.volume.beginDetaching(session, volumeId).catch((error: unknown) => {
    if (isKind(error, 'invalid', 'conflict')) throw invalid(`Invalid volume: ${error.message}`, { cause: error });
    throw error;
  });
  try {
    await operate(deps, ctx, located, 'detachVolume', { name: 'detach-volume', params: { volumeId } });
  } catch (error) {
    await deps.volume.rollDetaching(session, volumeId);
    throw error;
  }
}

export interface AttachmentChange {
  readonly volumeId: string;
  readonly device?: string | null;
  readonly tag?: string;
  readonly delete_on_termination?: boolean | string;
  readonly serverId?: string;
  readonly id?: string;
}

/** Stores whether a volume goes with its server; whatever else a client sends back must be as it is. */
export async function editAttachment(
  deps: ApiDeps,
  located: LocatedInstance,
  device: BlockDevice,
  change: AttachmentChange,
): Promise<void> {
  const { instance, cellId } = located;
  const fixed = [
    ['device', change.device ?? undefined, device.deviceName],
    ['tag', change.tag, device.tag],
    ['serverId', change.serverId, instance.id],
    ['id', change.id, device.attachmentId ?? device.volumeId],
  ] as const;
  for (const [name, given, is] of fixed) {
    if (given !== undefined && given !== is && !(name === 'id' && given === device.volumeId))
      throw invalid(`Attribute ${name} of a volume attachment cannot be changed.`);
  }
  if (change.delete_on_termination === undefined) return;
  const deleteOnTermination = toBoolean(change.delete_on_termination);
  await changeInstance(deps.stores.cell(cellId), instance.id, ({ blockDevices }) => ({
    blockDevices: blockDevices.map((one) => (one.uuid === device.uuid ? { ...one, deleteOnTermination } : one)),
  }));
}

/** Swaps a volume for another: only the volume service asks for it, in the middle of a migration of its own. */
export async function swapVolume(
  deps: ApiDeps,
  ctx: RequestContext,
  located: LocatedInstance,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  refuseLocked(ctx, located.instance);
  const session = deps.identity.sessionOf(ctx.caller);
  const [old] = await Promise.all([
    deps.volume.show(session, from),
    deps.volume.show(session, to).catch((error: unknown) => {
      if (isKind(error, 'notFound')) throw invalid(`Volume ${to} could not be found.`);
      throw error;
    }),
  ]);
  deviceOfVolume(located, from);
  if (old.migrationStatus === null)
    throw conflict(`The volume ${from} is not being migrated by the volume service; volumes are swapped in the course of that only.`);
  throw unsupported('Hosts of this cloud cannot copy a volume to another under a running guest.');
}
