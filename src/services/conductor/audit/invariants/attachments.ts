import { sql } from 'kysely';
import type { ListedAttachment } from '../../../../clients/volume.ts';
import type { BlockDevice } from '../../../../domain/instance.ts';
import { isKind } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { findInstance } from '../../../../store/instances.ts';
import type { ConductorDeps } from '../../deps.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances, pagesOf, type KnownInstance } from '../known-instances.ts';

/** Servers of other clouds may use the same volume service: what no cell has ever known is not judged. */
export const attachments: Invariant = {
  name: 'attachment-is-server',
  says: 'A volume is attached to a server that has it, and connected to the host that the server is on.',
  async check({ deps }) {
    // the servers first: what was detached meanwhile is seen as such at the second look
    const wanted = await devicesWithVolumes(deps);
    const taken = (await allAttachments(deps, wanted.size > 0)).filter(({ serverId }) => serverId !== null && isUuid(serverId));
    const hosts = await connectedHosts(deps, taken.length > 0);
    const known = await knownInstances(
      deps.stores,
      taken.map(({ serverId }) => serverId ?? ''),
    );
    const found: Finding[] = [];
    const seen = new Set<string>();
    for (const attachment of taken) {
      const { id, volumeId, serverId } = attachment;
      const rows = known.get(serverId ?? '') ?? [];
      if (rows.length === 0) continue;
      const live = rows.find((row) => row.live);
      const named = live === undefined ? undefined : wanted.get(live.id)?.some(({ attachmentId }) => attachmentId === id);
      if (named !== true) {
        found.push(strange(deps, attachment, live));
        continue;
      }
      seen.add(id);
      const host = hosts.get(id);
      if (host == null || host === live!.host) continue;
      found.push({
        subject: `attachment ${id}`,
        what: `Volume ${volumeId} is connected to ${host}, and its server ${serverId} is on ${live!.host ?? 'no host'}.`,
        repair: `See that nothing on ${host} uses it any more, and have it connected anew: openstack server remove volume ${serverId} ${volumeId}, then add it again.`,
        excusedBy: [serverId ?? ''],
      });
    }
    for (const [serverId, devices] of wanted)
      for (const { attachmentId, volumeId } of devices)
        if (attachmentId !== null && !seen.has(attachmentId))
          found.push({
            subject: `volume ${volumeId} of server ${serverId}`,
            what: `The server has it by attachment ${attachmentId}, which the volume service does not know.`,
            repair: `Take it from the server and give it again: openstack server remove volume ${serverId} ${volumeId}`,
            excusedBy: [serverId],
          });
    return found;
  },
};

/** A cloud without volumes may be without a volume service. */
async function allAttachments({ volume, identity }: ConductorDeps, mustBeThere: boolean): Promise<readonly ListedAttachment[]> {
  try {
    return await volume.attachments(identity.serviceSession, {});
  } catch (error) {
    if (!mustBeThere && isKind(error, 'unavailable') && error.code === 'not-in-catalog') return [];
    throw error;
  }
}

/** An attachment of a server that does not have it. */
function strange(deps: ConductorDeps, { id, volumeId, serverId }: ListedAttachment, live: KnownInstance | undefined): Finding {
  return {
    subject: `attachment ${id}`,
    what: `Volume ${volumeId} is attached to the server ${serverId}, which ${live === undefined ? 'is deleted' : 'does not have it by this attachment'}.`,
    repair: 'End the attachment.',
    excusedBy: [serverId ?? ''],
    mend: async () => {
      const instance = (await findInstance(deps.stores, serverId ?? ''))?.instance;
      if (instance?.blockDevices.some(({ attachmentId }) => attachmentId === id) === true) return;
      await deps.volume.deleteAttachment(deps.identity.serviceSession, id);
    },
  };
}

/** Where attachments are connected, as far as the volume service tells. */
async function connectedHosts({ volume, identity }: ConductorDeps, any: boolean): Promise<ReadonlyMap<string, string | null>> {
  if (!any) return new Map();
  const volumes = await volume.list(identity.serviceSession, { all_tenants: '1' });
  return new Map(volumes.flatMap(({ uses }) => uses.map(({ attachmentId, hostName }) => [attachmentId, hostName] as const)));
}

/** The devices of live servers that are volumes and reserved. */
async function devicesWithVolumes({ stores }: ConductorDeps): Promise<ReadonlyMap<string, readonly BlockDevice[]>> {
  const devices = new Map<string, readonly BlockDevice[]>();
  for (const { database } of stores.cells()) {
    const ids = await database
      .selectFrom('instances')
      .select('uuid')
      .where('deleted_at', 'is', null)
      .where(sql<boolean>`block_devices @> '[{"destinationType": "volume"}]'`)
      .execute();
    for (const page of pagesOf(ids.map(({ uuid }) => uuid))) {
      const rows = await database
        .selectFrom('instances')
        .select(['uuid', 'block_devices'])
        .where(sql<boolean>`uuid = ANY(${page}::uuid[])`)
        .execute();
      for (const row of rows)
        devices.set(
          row.uuid,
          row.block_devices.filter(({ volumeId }) => volumeId !== null),
        );
    }
  }
  return devices;
}
