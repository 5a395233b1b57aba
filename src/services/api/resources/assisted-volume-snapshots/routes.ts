import Type from 'typebox';
import { invalid, notFound, unsupported } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { route, type ApiDeps } from '../../deps.ts';

const CreateAssistedSnapshot = plainBody(
  'CreateAssistedSnapshot',
  Type.Object(
    {
      volume_id: Type.String({ minLength: 1 }),
      create_info: Type.Object(
        {
          snapshot_id: Type.String({ minLength: 1 }),
          type: Type.Enum(['qcow2']),
          new_file: Type.String({ minLength: 1 }),
          id: Type.Optional(Type.String({ minLength: 1 })),
        },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false },
  ),
);
const DeleteAssistedSnapshot = versionedQuery({ delete_info: { type: anyText } }, { refusesUnknownSince: version('2.75') });

/** The server that has a volume; 400 for a volume that no server has, as in Nova. */
async function serverOf(deps: ApiDeps, volumeId: string): Promise<string> {
  for (const { database } of deps.stores.cells()) {
    const row = await database
      .selectFrom('instances')
      .select('uuid')
      .where('deleted_at', 'is', null)
      .where('block_devices', '@>', JSON.stringify([{ volumeId }]) as never)
      .executeTakeFirst();
    if (row !== undefined) return row.uuid;
  }
  throw notFound(`No volume Block Device Mapping with id ${volumeId}.`);
}

/** Volumes of this cloud are exports that snapshots are taken of beneath; only file-sharing drivers of other volume services need the hypervisor for it. */
const refuseAssistance = (serverId: string): never => {
  throw unsupported(`The hosts of this cloud have no volumes as files, so that they cannot assist with a snapshot for server ${serverId}.`);
};

/** What volume services whose volumes are files on a shared file system ask of compute. */
export const assistedVolumeSnapshotRoutes = [
  route({
    method: 'POST',
    path: '/os-assisted-volume-snapshots',
    summary: 'Assist with a snapshot of a volume',
    policy: 'os_compute_api:os-assisted-volume-snapshots:create',
    body: { key: 'snapshot', schema: CreateAssistedSnapshot },
    reply: { status: 200, key: 'snapshot' },
    handle: async ({ body, deps }) => {
      const serverId = await serverOf(deps, body.volume_id).catch((error: unknown) => {
        throw invalid(error instanceof Error ? error.message : String(error), { cause: error });
      });
      return refuseAssistance(serverId);
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-assisted-volume-snapshots/:snapshotId',
    summary: 'Assist with the deletion of a snapshot of a volume',
    policy: 'os_compute_api:os-assisted-volume-snapshots:delete',
    query: DeleteAssistedSnapshot,
    reply: { status: 204 },
    handle: async ({ query, deps }) => {
      let info: unknown;
      try {
        info = JSON.parse(query.delete_info ?? '');
      } catch (error) {
        throw invalid('delete_info must be JSON text that names a volume_id.', { cause: error });
      }
      const volumeId = typeof info === 'object' && info !== null && 'volume_id' in info ? info.volume_id : undefined;
      if (typeof volumeId !== 'string') throw invalid('delete_info must be JSON text that names a volume_id.');
      return refuseAssistance(await serverOf(deps, volumeId));
    },
  }),
];
