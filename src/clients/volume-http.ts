import { isKind, unsupported } from '../lib/errors.ts';
import { createHttpClient } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import type { Endpoints, Session } from './session.ts';
import type { Volume, VolumeClient, VolumeLimits } from './volume.ts';
import {
  toAttachment,
  toListedAttachment,
  toSnapshot,
  toVolume,
  type WireAttachment,
  type WireSnapshot,
  type WireVolume,
} from './volume-wire.ts';

export interface VolumeClientOptions {
  readonly endpoints: Endpoints;
  readonly log: Log;
  /** The service's own session, sent beside a user's: Cinder lets nobody else end an attachment that a server uses. */
  readonly serviceSession?: Session;
}

/** URLs without a project in them, and everything an attachment needs; the next ones are asked for by name. */
const ordinary = '3.67';
const reimaging = '3.68';
/** A list that goes on for longer than this is one that never ends. */
const maxPages = 10_000;

interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly json?: unknown;
  readonly version?: string;
  readonly idempotencyKey?: string | undefined;
}

/** The volume service of the catalog: ours, or a Cinder. */
export function createVolumeClient({ endpoints, log, serviceSession }: VolumeClientOptions): VolumeClient & { close(): Promise<void> } {
  const http = createHttpClient({ service: 'volume' });

  async function ask<T>(
    session: Session,
    path: string,
    { method = 'GET', json, version = ordinary, idempotencyKey }: Ask = {},
  ): Promise<T> {
    // catalogs name the project in the URL, and it is the catalog owner's rather than the session's
    const root = (await endpoints.url('volumev3')).replace(/\/v3(\/[^/]*)?$/, '');
    const [token, serviceToken] = await Promise.all([session.token(), serviceSession?.token()]);
    const answer = await http.json<T>({
      method,
      url: `${root}/v3/${path}`,
      headers: {
        'x-auth-token': token,
        'openstack-api-version': `volume ${version}`,
        ...(serviceToken === undefined ? {} : { 'x-service-token': serviceToken }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(json === undefined ? {} : { json }),
    });
    return answer.json;
  }

  /** All pages of a list. */
  async function list<T extends { readonly id: string }>(
    session: Session,
    path: string,
    key: string,
    query: Readonly<Record<string, string>>,
  ): Promise<T[]> {
    const found: T[] = [];
    const parameters = new URLSearchParams(query);
    for (let page = 0; page < maxPages; page++) {
      const answer = await ask<Record<string, unknown>>(session, `${path}?${parameters.toString()}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape is Cinder's API
      const rows = answer[key] as T[];
      found.push(...rows);
      const last = rows.at(-1);
      if (last === undefined || answer[`${key}_links`] === undefined) break;
      parameters.set('marker', last.id);
    }
    return found;
  }

  const act = (session: Session, volumeId: string, action: object, version?: string): Promise<void> =>
    ask(session, `${at('volumes', volumeId)}/action`, { method: 'POST', json: action, ...(version === undefined ? {} : { version }) });

  /** Does what may have been done already. */
  async function unlessGone(what: string, id: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
      log.debug({ [what]: id }, 'it was gone already');
    }
  }

  async function remove(session: Session, volume: Pick<Volume, 'id'>, cascade: boolean): Promise<void> {
    await unlessGone('volumeId', volume.id, () =>
      ask(session, `${at('volumes', volume.id)}${cascade ? '?cascade=true' : ''}`, { method: 'DELETE' }),
    );
  }

  return {
    show: async (session, volumeId) => toVolume((await ask<{ readonly volume: WireVolume }>(session, at('volumes', volumeId))).volume),
    list: async (session, query = {}) => (await list<WireVolume>(session, 'volumes/detail', 'volumes', query)).map(toVolume),
    async create(session, wanted, { idempotencyKey } = {}) {
      const { volume: wire } = await ask<{ readonly volume: WireVolume }>(session, 'volumes', {
        method: 'POST',
        idempotencyKey,
        json: {
          volume: {
            size: wanted.size,
            ...(wanted.name === undefined ? {} : { name: wanted.name }),
            ...(wanted.description === undefined ? {} : { description: wanted.description }),
            ...(wanted.volumeType === undefined ? {} : { volume_type: wanted.volumeType }),
            ...(wanted.availabilityZone === undefined ? {} : { availability_zone: wanted.availabilityZone }),
            ...(wanted.imageId === undefined ? {} : { imageRef: wanted.imageId }),
            ...(wanted.snapshotId === undefined ? {} : { snapshot_id: wanted.snapshotId }),
            ...(wanted.sourceVolumeId === undefined ? {} : { source_volid: wanted.sourceVolumeId }),
            ...(wanted.metadata === undefined ? {} : { metadata: wanted.metadata }),
            ...(wanted.projectId === undefined ? {} : { project_id: wanted.projectId }),
          },
        },
      });
      const made = toVolume(wire);
      if (wanted.projectId !== undefined && (await ownerOf(session, made)) !== wanted.projectId) {
        await remove(session, made, false);
        throw unsupported('The volume service cannot create volumes for another project.');
      }
      return made;
    },
    delete: (session, volumeId, { cascade = false } = {}) => remove(session, { id: volumeId }, cascade),
    extend: (session, volumeId, size) => act(session, volumeId, { 'os-extend': { new_size: size } }),
    reimage: (session, volumeId, imageId, { reserved = false } = {}) =>
      act(session, volumeId, { 'os-reimage': { image_id: imageId, reimage_reserved: reserved } }, reimaging),
    beginDetaching: (session, volumeId) => act(session, volumeId, { 'os-begin_detaching': {} }),
    rollDetaching: (session, volumeId) => unlessGone('volumeId', volumeId, () => act(session, volumeId, { 'os-roll_detaching': {} })),

    snapshots: async (session) => (await list<WireSnapshot>(session, 'snapshots/detail', 'snapshots', {})).map(toSnapshot),
    snapshot: async (session, snapshotId) =>
      toSnapshot((await ask<{ readonly snapshot: WireSnapshot }>(session, at('snapshots', snapshotId))).snapshot),
    async createSnapshot(session, { volumeId, name, description, metadata }, { idempotencyKey } = {}) {
      // since 3.66 a volume in use needs no `force`, and may not have it
      const { snapshot } = await ask<{ readonly snapshot: WireSnapshot }>(session, 'snapshots', {
        method: 'POST',
        idempotencyKey,
        json: {
          snapshot: {
            volume_id: volumeId,
            name,
            ...(description === undefined ? {} : { description }),
            ...(metadata === undefined ? {} : { metadata }),
          },
        },
      });
      return toSnapshot(snapshot);
    },
    deleteSnapshot: (session, snapshotId) =>
      unlessGone('snapshotId', snapshotId, () => ask(session, at('snapshots', snapshotId), { method: 'DELETE' })),

    attachment: async (session, attachmentId) =>
      toAttachment((await ask<{ readonly attachment: WireAttachment }>(session, at('attachments', attachmentId))).attachment),
    async attachments(session, { volumeId, serverId }) {
      const found = await list<WireAttachment>(session, 'attachments', 'attachments', {
        all_tenants: '1',
        ...(volumeId === undefined ? {} : { volume_id: volumeId }),
        ...(serverId === undefined ? {} : { instance_id: serverId }),
      });
      return found.map(toListedAttachment);
    },
    async createAttachment(session, { volumeId, serverId, connector, mode }, { idempotencyKey } = {}) {
      const { attachment } = await ask<{ readonly attachment: WireAttachment }>(session, 'attachments', {
        method: 'POST',
        idempotencyKey,
        json: {
          attachment: {
            volume_uuid: volumeId,
            instance_uuid: serverId,
            ...(connector === undefined ? {} : { connector }),
            ...(mode === undefined ? {} : { mode }),
          },
        },
      });
      return toAttachment(attachment);
    },
    async connectAttachment(session, attachmentId, connector) {
      const { attachment } = await ask<{ readonly attachment: WireAttachment }>(session, at('attachments', attachmentId), {
        method: 'PUT',
        json: { attachment: { connector } },
      });
      return toAttachment(attachment);
    },
    async completeAttachment(session, attachmentId) {
      await ask(session, `${at('attachments', attachmentId)}/action`, { method: 'POST', json: { 'os-complete': {} } });
    },
    deleteAttachment: (session, attachmentId) =>
      unlessGone('attachmentId', attachmentId, () => ask(session, at('attachments', attachmentId), { method: 'DELETE' })),

    async limits(session) {
      const { limits } = await ask<{ readonly limits: { readonly absolute: Readonly<Record<string, number>> } }>(session, 'limits');
      const pair = (limit: string, used: string): VolumeLimits['volumes'] => {
        const most = limits.absolute[limit] ?? -1;
        return { limit: most < 0 ? null : most, used: limits.absolute[used] ?? 0 };
      };
      return {
        volumes: pair('maxTotalVolumes', 'totalVolumesUsed'),
        gigabytes: pair('maxTotalVolumeGigabytes', 'totalGigabytesUsed'),
        snapshots: pair('maxTotalSnapshots', 'totalSnapshotsUsed'),
      };
    },
    async availabilityZones(session) {
      const answer = await ask<{ readonly availabilityZoneInfo: readonly { readonly zoneName: string }[] }>(
        session,
        'os-availability-zone',
      );
      return answer.availabilityZoneInfo.map(({ zoneName }) => zoneName);
    },
    close: () => http.close(),
  };

  /** A create's answer does not tell every Cinder's callers who owns it. */
  async function ownerOf(session: Session, volume: Volume): Promise<string | null> {
    if (volume.projectId !== null) return volume.projectId;
    return toVolume((await ask<{ readonly volume: WireVolume }>(session, at('volumes', volume.id))).volume).projectId;
  }
}

const at = (collection: string, id: string): string => `${collection}/${encodeURIComponent(id)}`;
