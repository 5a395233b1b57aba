import type { Volume, VolumeAttachment, VolumeClient, VolumeSnapshot } from '../volume.ts';
import { invalid, notFound } from '../../lib/errors.ts';
import { randomIds } from '../../lib/ids.ts';

/** A volume service in memory: its volumes and what they are attached to can be counted. */
export interface VolumesInMemory {
  readonly client: VolumeClient;
  readonly volumes: Map<string, Volume>;
  readonly attachments: Map<string, KeptAttachment>;
  readonly snapshots: Map<string, VolumeSnapshot>;
  /** A volume that nobody uses. */
  make(changes?: Partial<Volume>): Volume;
  /** A server uses it already, on that host if one is named. */
  attach(volumeId: string, serverId: string, host?: string): KeptAttachment;
}

/** An attachment with the host that is connected by it. */
export interface KeptAttachment extends VolumeAttachment {
  readonly host: string | null;
}

export function volumesInMemory(): VolumesInMemory {
  const volumes = new Map<string, Volume>();
  const attachments = new Map<string, KeptAttachment>();
  const snapshots = new Map<string, VolumeSnapshot>();
  /** What repeated requests are answered with, by their keys. */
  const asked = new Map<string, string>();
  const find = (id: string): Volume => {
    const volume = volumes.get(id);
    if (volume === undefined) throw notFound(`Volume ${id} could not be found.`);
    return volume;
  };
  const become = (id: string, status: Volume['status']): void => void volumes.set(id, { ...find(id), status });
  const make = (changes: Partial<Volume> = {}): Volume => {
    const volume: Volume = {
      id: randomIds.uuid(),
      name: null,
      description: null,
      status: 'available',
      size: 1,
      bootable: false,
      multiattach: false,
      encrypted: false,
      availabilityZone: 'nova',
      projectId: 'p1',
      volumeType: null,
      snapshotId: null,
      sourceVolumeId: null,
      metadata: {},
      imageMetadata: {},
      uses: [],
      migrationStatus: null,
      createdAt: new Date().toISOString(),
      ...changes,
    };
    volumes.set(volume.id, volume);
    return volume;
  };
  const attach = (volumeId: string, serverId: string, status: VolumeAttachment['status'], host: string | null = null): KeptAttachment => {
    const attachment: KeptAttachment = { id: randomIds.uuid(), volumeId, serverId, status, mode: 'rw', connection: null, host };
    attachments.set(attachment.id, attachment);
    return attachment;
  };
  const attachmentOf = (id: string): KeptAttachment => {
    const attachment = attachments.get(id);
    if (attachment === undefined) throw notFound(`Attachment ${id} could not be found.`);
    return attachment;
  };
  const withUses = (volume: Volume): Volume => ({
    ...volume,
    uses: [...attachments.values()]
      .filter(({ volumeId, status }) => volumeId === volume.id && status === 'attached')
      .map(({ id, serverId, host }) => ({ attachmentId: id, serverId, hostName: host, device: null, attachedAt: null })),
  });
  const known: Partial<VolumeClient> = {
    show: (_session, id) => Promise.resolve().then(() => withUses(find(id))),
    list: () => Promise.resolve([...volumes.values()].map(withUses)),
    create: (_session, { size, metadata = {} }) => Promise.resolve(make({ size, metadata })),
    delete: (_session, id) => {
      if (volumes.has(id) && find(id).status !== 'available') return Promise.reject(invalid(`Volume ${id} is ${find(id).status}.`));
      return Promise.resolve(void volumes.delete(id));
    },
    snapshots: () => Promise.resolve([...snapshots.values()]),
    snapshot: async (_session, id) => {
      const snapshot = snapshots.get(id);
      if (snapshot === undefined) throw notFound(`Snapshot ${id} could not be found.`);
      return snapshot;
    },
    createSnapshot: async (_session, { volumeId, name, description = null }, { idempotencyKey } = {}) => {
      const earlier = idempotencyKey === undefined ? undefined : snapshots.get(asked.get(idempotencyKey) ?? '');
      if (earlier !== undefined) return earlier;
      const { size, projectId } = find(volumeId);
      const common = { volumeId, name, description, size, projectId, progress: '100%', createdAt: new Date().toISOString() };
      const snapshot: VolumeSnapshot = { id: randomIds.uuid(), status: 'available', ...common };
      snapshots.set(snapshot.id, snapshot);
      if (idempotencyKey !== undefined) asked.set(idempotencyKey, snapshot.id);
      return snapshot;
    },
    deleteSnapshot: (_session, id) => Promise.resolve(void snapshots.delete(id)),
    reimage: (_session, id, imageId) =>
      Promise.resolve(void volumes.set(id, { ...find(id), imageMetadata: { ...find(id).imageMetadata, image_id: imageId } })),
    attachments: (_session, { volumeId, serverId }) =>
      Promise.resolve(
        [...attachments.values()].filter(
          (one) => (volumeId ?? one.volumeId) === one.volumeId && (serverId ?? one.serverId) === one.serverId,
        ),
      ),
    createAttachment: async (_session, { volumeId, serverId }, { idempotencyKey } = {}) => {
      const earlier = idempotencyKey === undefined ? undefined : attachments.get(asked.get(idempotencyKey) ?? '');
      if (earlier !== undefined) return earlier;
      // a server that moves may have a second one of a volume it has already
      const again = [...attachments.values()].some((one) => one.volumeId === volumeId && one.serverId === serverId);
      if (!again && find(volumeId).status !== 'available') throw invalid(`Volume ${volumeId} is ${find(volumeId).status}.`);
      if (!again) become(volumeId, 'reserved');
      const made = attach(volumeId, serverId, 'reserved');
      if (idempotencyKey !== undefined) asked.set(idempotencyKey, made.id);
      return made;
    },
    attachment: async (_session, id) => attachmentOf(id),
    connectAttachment: async (_session, id, { host }) => {
      const before = attachmentOf(id).host;
      // nobody takes a disk from a host by connecting another: that needs an attachment of its own
      if (before !== null && before !== host) throw invalid(`Attachment ${id} is connected for host ${before}.`);
      const connected: KeptAttachment = {
        ...attachmentOf(id),
        host,
        status: attachmentOf(id).status === 'attached' ? 'attached' : 'attaching',
        connection: { driverVolumeType: 'world', data: {} },
      };
      attachments.set(id, connected);
      const elsewhere = [...attachments.values()].some(({ volumeId, status }) => volumeId === connected.volumeId && status === 'attached');
      if (!elsewhere) become(connected.volumeId, 'attaching');
      return connected;
    },
    completeAttachment: async (_session, id) => {
      attachments.set(id, { ...attachmentOf(id), status: 'attached' });
      become(attachmentOf(id).volumeId, 'in-use');
    },
    deleteAttachment: async (_session, id) => {
      const attachment = attachments.get(id);
      if (attachment === undefined) return;
      attachments.delete(id);
      const others = [...attachments.values()].filter(({ volumeId }) => volumeId === attachment.volumeId);
      const rest = others.length === 0 ? 'available' : others.some(({ status }) => status === 'attached') ? 'in-use' : 'reserved';
      if (volumes.has(attachment.volumeId)) become(attachment.volumeId, rest);
    },
    beginDetaching: async (_session, id) => {
      if (find(id).status !== 'in-use') throw invalid(`Volume ${id} is ${find(id).status}, not in-use.`);
      become(id, 'detaching');
    },
    rollDetaching: async (_session, id) => {
      if (volumes.get(id)?.status === 'detaching') become(id, 'in-use');
    },
  };
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what sagas use of it
    client: known as VolumeClient,
    volumes,
    attachments,
    snapshots,
    make,
    attach: (volumeId, serverId, host) => attach(volumeId, serverId, 'attached', host ?? null),
  };
}
