import Type from 'typebox';
import type { RequestContext } from '../../../lib/http/route.ts';
import { versionedView, type ViewField, type Viewer } from '../../../lib/http/versioned-view.ts';
import { formatTime, isConnected, type AttachmentRecord, type VolumeRecord } from '../records.ts';
import { Nullable } from '../schemas.ts';

/** A volume and who looks at it. */
export interface ShownVolume {
  readonly volume: VolumeRecord;
  readonly ctx: RequestContext;
  readonly host: string;
}

const Text = Nullable(Type.String());
const Texts = Type.Record(Type.String(), Type.String());
const Links = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }));

/** Scheme, host and mount with the project, and without the version, as Cinder's links stand. */
const linksOf = ({ volume, ctx }: ShownVolume) => {
  const [, version = 'v3'] = ctx.mount.split('/');
  const below = `${ctx.caller.projectId ?? ''}/volumes/${volume.id}`;
  return [
    { rel: 'self', href: `${ctx.baseUrl}/${version}/${below}` },
    { rel: 'bookmark', href: `${ctx.baseUrl}/${below}` },
  ];
};

const useView = ({ id, volumeId, serverId, device, connector, attachedAt }: AttachmentRecord, seesHost: boolean) => ({
  id: volumeId,
  attachment_id: id,
  volume_id: volumeId,
  server_id: serverId,
  host_name: seesHost ? (connector?.host ?? null) : null,
  device,
  attached_at: attachedAt === null ? null : formatTime(attachedAt),
});

const metadataOf = ({ metadata, readonly }: VolumeRecord) => ({
  ...metadata,
  ...(readonly === null ? {} : { readonly: readonly ? 'True' : 'False' }),
});

const volumeFields: Readonly<Record<string, ViewField<ShownVolume, Viewer> | readonly ViewField<ShownVolume, Viewer>[]>> = {
  id: { type: Type.String(), get: ({ volume }) => volume.id },
  status: { type: Type.String(), get: ({ volume }) => volume.status },
  size: { type: Type.Integer(), get: ({ volume }) => volume.size },
  availability_zone: { type: Type.String(), get: ({ volume }) => volume.availabilityZone },
  created_at: { type: Type.String(), get: ({ volume }) => formatTime(volume.createdAt) },
  updated_at: { type: Text, get: ({ volume }) => formatTime(volume.updatedAt) },
  attachments: {
    type: Type.Array(Type.Unknown()),
    get: ({ volume, ctx }) =>
      volume.attachments
        .filter((each) => each.status === 'attached' || each.status === 'attaching' || isConnected(each))
        .map((each) => useView(each, ctx.can('volume_extension:volume_host_attribute'))),
  },
  name: { type: Text, get: ({ volume }) => volume.name },
  description: { type: Text, get: ({ volume }) => volume.description },
  volume_type: { type: Text, get: ({ volume }) => volume.typeName },
  snapshot_id: { type: Text, get: ({ volume }) => volume.snapshotId },
  source_volid: { type: Text, get: ({ volume }) => volume.sourceVolumeId },
  metadata: { type: Texts, get: ({ volume }) => metadataOf(volume) },
  links: { type: Links, get: linksOf },
  user_id: { type: Type.String(), get: ({ volume }) => volume.userId },
  bootable: { type: Type.String(), get: ({ volume }) => String(volume.bootable) },
  encrypted: { type: Type.Boolean(), get: ({ volume }) => volume.encryptionKeyId !== null },
  replication_status: { type: Text, get: () => null },
  consistencygroup_id: { type: Text, get: () => null },
  multiattach: { type: Type.Boolean(), get: ({ volume }) => volume.multiattach },
  migration_status: { type: Text, get: () => null, policy: 'volume_extension:volume_mig_status_attribute' },
  'os-vol-tenant-attr:tenant_id': { type: Type.String(), get: ({ volume }) => volume.projectId },
  'os-vol-host-attr:host': {
    type: Type.String(),
    get: ({ host }) => `${host}@kilonova#kilonova`,
    policy: 'volume_extension:volume_host_attribute',
  },
  'os-vol-mig-status-attr:migstat': { type: Text, get: () => null, policy: 'volume_extension:volume_mig_status_attribute' },
  'os-vol-mig-status-attr:name_id': { type: Text, get: () => null, policy: 'volume_extension:volume_mig_status_attribute' },
  volume_image_metadata: {
    type: Texts,
    get: ({ volume }) => (Object.keys(volume.imageMetadata).length === 0 ? undefined : volume.imageMetadata),
  },
  group_id: { since: '3.13', type: Text, get: () => null },
  provider_id: { since: '3.21', type: Text, get: () => null, policy: 'volume_extension:volume_host_attribute' },
  service_uuid: { since: '3.48', type: Text, get: () => null },
  shared_targets: [
    { since: '3.48', until: '3.68', type: Type.Boolean(), get: () => false },
    { since: '3.69', type: Nullable(Type.Boolean()), get: () => false },
  ],
  cluster_name: { since: '3.61', type: Text, get: () => null, policy: 'volume_extension:volume_host_attribute' },
  volume_type_id: { since: '3.63', type: Type.String(), get: ({ volume }) => volume.typeId },
  encryption_key_id: { since: '3.64', type: Type.String(), get: ({ volume }) => volume.encryptionKeyId ?? undefined },
  consumes_quota: { since: '3.65', type: Type.Boolean(), get: () => true },
};
export const volumeView = versionedView<ShownVolume>('Volume', volumeFields);

/** What extensions of Cinder added to a volume that is looked at, but not to the answer of a change. */
const onlyLookedAt = /^(os-vol-|volume_image_metadata$)/;

/** A volume as it is answered when it is made or changed. */
export const changedVolumeView = versionedView<ShownVolume>(
  'ChangedVolume',
  Object.fromEntries(Object.entries(volumeFields).filter(([key]) => !onlyLookedAt.test(key))),
);

export const volumeSummary = (shown: ShownVolume): Record<string, unknown> => ({
  id: shown.volume.id,
  name: shown.volume.name,
  links: linksOf(shown),
});
