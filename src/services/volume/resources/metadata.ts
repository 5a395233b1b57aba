import { invalid, notFound } from '../../../lib/errors.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import type { PolicyTarget } from '../../../lib/policy/policy.ts';
import { ofSnapshot, ofVolume, nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import { Metadata, type Texts } from '../schemas.ts';
import type { VolumeRule } from '../policy.ts';
import { findSnapshot, snapshotNotFound, updateSnapshot } from '../store/snapshots.ts';
import { lockVolume, updateVolume } from '../store/volumes.ts';

const AllMetadata = plainBody('metadata', Metadata);
const OneItem = plainBody('meta', Metadata);

/** What has metadata, and how it is changed. */
interface Holder {
  readonly path: `/volumes/:volumeId` | `/snapshots/:snapshotId`;
  readonly what: string;
  readonly rules: Readonly<Record<'read' | 'create' | 'update' | 'delete', VolumeRule>>;
  readonly load: (input: { params: never; ctx: RequestContext; deps: VolumeDeps }) => Promise<Owned>;
  /** Applies the change to what is there now; answers what is there then. */
  readonly change: (deps: VolumeDeps, id: string, change: (now: Texts) => Texts) => Promise<Texts>;
}

interface Owned {
  readonly id: string;
  readonly projectId: string;
  readonly metadata: Texts;
}

const most = 128;
const within = (metadata: Texts): Texts => {
  if (Object.keys(metadata).length > most) throw invalid(`Metadata has more than ${most} items.`);
  return metadata;
};

const ofVolumes: Holder = {
  path: '/volumes/:volumeId',
  what: 'volume',
  rules: {
    read: 'volume:get_volume_metadata',
    create: 'volume:create_volume_metadata',
    update: 'volume:update_volume_metadata',
    delete: 'volume:delete_volume_metadata',
  },
  load: ofVolume.load,
  change: (deps, id, change) =>
    deps.database.transaction().execute(async (tx) => {
      const volume = await lockVolume(tx, id);
      if (volume.status === 'maintenance' || volume.status === 'uploading')
        throw invalid(`Invalid volume: Volume ${id} update is not allowed while it is ${volume.status}.`);
      const metadata = within(change(volume.metadata));
      await updateVolume(tx, id, { metadata }, nowOf(deps));
      return metadata;
    }),
};

const ofSnapshots: Holder = {
  path: '/snapshots/:snapshotId',
  what: 'snapshot',
  rules: {
    read: 'volume:get_snapshot_metadata',
    create: 'volume:update_snapshot_metadata',
    update: 'volume:update_snapshot_metadata',
    delete: 'volume:delete_snapshot_metadata',
  },
  load: ofSnapshot.load,
  change: (deps, id, change) =>
    deps.database.transaction().execute(async (tx) => {
      const snapshot = await findSnapshot(tx, id, { lock: true });
      if (snapshot === null) throw snapshotNotFound(id);
      const metadata = within(change(snapshot.metadata));
      await updateSnapshot(tx, id, { metadata }, nowOf(deps));
      return metadata;
    }),
};

function routesOf({ path, what, rules, load, change }: Holder): readonly AnyRoute<VolumeDeps>[] {
  const found = {
    load: (input: { readonly params: unknown; readonly ctx: RequestContext; readonly deps: VolumeDeps }): Promise<Owned> =>
      load({ params: input.params as never, ctx: input.ctx, deps: input.deps }),
    target: ({ projectId }: Owned): PolicyTarget => ({ project_id: projectId }),
  };
  const item = (metadata: Texts, key: string): string => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (value === undefined) throw notFound(`Metadata key ${key.slice(0, 255)} was not found.`);
    return value;
  };
  const all = `${path}/metadata` as const;
  const one = `${path}/metadata/:key` as const;
  return [
    volumeRoute({
      method: 'GET',
      path: all,
      summary: `Show the metadata of a ${what}`,
      policy: rules.read,
      ...found,
      reply: { status: 200 },
      handle: ({ loaded }) => ({ metadata: loaded.metadata }),
    }),
    volumeRoute({
      method: 'POST',
      path: all,
      summary: `Add metadata to a ${what}`,
      policy: rules.create,
      ...found,
      body: { key: 'metadata', schema: AllMetadata },
      reply: { status: 200 },
      handle: async ({ loaded, body, deps }) => ({ metadata: await change(deps, loaded.id, (now) => ({ ...now, ...body })) }),
    }),
    volumeRoute({
      method: 'PUT',
      path: all,
      summary: `Replace the metadata of a ${what}`,
      policy: rules.update,
      ...found,
      body: { key: 'metadata', schema: AllMetadata },
      reply: { status: 200 },
      handle: async ({ loaded, body, deps }) => ({ metadata: await change(deps, loaded.id, () => body) }),
    }),
    volumeRoute({
      method: 'GET',
      path: one,
      summary: `Show one item of the metadata of a ${what}`,
      policy: rules.read,
      ...found,
      reply: { status: 200 },
      handle: ({ loaded, params }) => ({ meta: { [params.key]: item(loaded.metadata, params.key) } }),
    }),
    volumeRoute({
      method: 'PUT',
      path: one,
      summary: `Set one item of the metadata of a ${what}`,
      policy: rules.update,
      ...found,
      body: { key: 'meta', schema: OneItem },
      reply: { status: 200 },
      async handle({ loaded, params, body, deps }) {
        const value = Object.hasOwn(body, params.key) ? body[params.key] : undefined;
        if (value === undefined) throw invalid('Request body and URI mismatch');
        if (Object.keys(body).length > 1) throw invalid('Request body contains too many items');
        await change(deps, loaded.id, (now) => ({ ...now, [params.key]: value }));
        return { meta: { [params.key]: value } };
      },
    }),
    volumeRoute({
      method: 'DELETE',
      path: one,
      summary: `Delete one item of the metadata of a ${what}`,
      policy: rules.delete,
      ...found,
      reply: { status: 200 },
      async handle({ loaded, params, deps }) {
        await change(deps, loaded.id, (now) => {
          item(now, params.key);
          return Object.fromEntries(Object.entries(now).filter(([key]) => key !== params.key));
        });
      },
    }),
  ];
}

export const metadataRoutes: readonly AnyRoute<VolumeDeps>[] = [...routesOf(ofVolumes), ...routesOf(ofSnapshots)];
