import { createHash } from 'node:crypto';
import Type, { type TSchema } from 'typebox';
import { guestName, powerStates, type Instance } from '../../../../domain/instance.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { versionedView, type ViewField } from '../../../../lib/http/versioned-view.ts';
import { microseconds, seconds } from '../../dates.ts';
import { bookmark, links } from '../../links.ts';
import { showsProgress, statusOf } from './status.ts';

/** A server with what its representation needs beside the instance itself. */
export interface ServerDetail {
  readonly instance: Instance;
  readonly hostStatus: 'UP' | 'DOWN' | 'MAINTENANCE' | 'UNKNOWN' | '';
  /** Ids of the group it is in: none or one. Read for single servers only. */
  readonly serverGroups: readonly string[];
  readonly pinnedAvailabilityZone: string | null;
  readonly nameTemplate: string;
}

const Nullable = (type: TSchema): TSchema => Type.Union([type, Type.Null()]);
const Text = Type.String();
const Links = Type.Array(Type.Object({ rel: Text, href: Text }));
const attributes = 'os_compute_api:os-extended-server-attributes';

type Field = ViewField<ServerDetail, RequestContext>;
/** A field that only those see who may see where a server is. */
const placed = (field: Omit<Field, 'policy'>): Field => ({ ...field, policy: attributes });

/** A host as tenants may see it: the same for all their servers on it, and telling nothing else. */
export const hostId = ({ projectId, host }: Pick<Instance, 'projectId' | 'host'>): string =>
  host === null ? '' : hashOf(projectId + host);

/** A page of servers has few hosts and one project. */
const hashes = new Map<string, string>();
function hashOf(text: string): string {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const hash = createHash('sha224').update(text).digest('hex');
  if (hashes.size >= 10_000) hashes.clear();
  hashes.set(text, hash);
  return hash;
}

const imageOf = ({ instance }: ServerDetail, ctx: RequestContext, withProperties: boolean) =>
  instance.image === null
    ? ''
    : {
        id: instance.image.id,
        links: bookmark(ctx, 'images', instance.image.id),
        ...(withProperties ? { properties: instance.image.properties } : {}),
      };

function flavorOf({ instance: { flavor } }: ServerDetail, ctx: RequestContext) {
  const { vcpus, memoryMb: ram, rootGb: disk, ephemeralGb: ephemeral, swapMb: swap, name, extraSpecs } = flavor;
  return {
    vcpus,
    ram,
    disk,
    ephemeral,
    swap,
    original_name: name,
    ...(ctx.can('os_compute_api:servers:show:flavor-extra-specs') ? { extra_specs: extraSpecs } : {}),
  };
}

/** Addresses by network; fixed ones first, each followed by the floating ones that lead to it. */
export function addressesOf({ networkInfo, vmState }: Instance): Record<string, unknown[]> {
  const byLabel: Record<string, unknown[]> = {};
  if (vmState === 'building') return byLabel;
  for (const vif of networkInfo) {
    const list = (byLabel[vif.networkLabel] ??= []);
    for (const { version, addresses } of vif.subnets) {
      for (const { address, floating } of addresses) {
        const entry = (addr: string, type: string, family: number) => ({
          version: family,
          addr,
          'OS-EXT-IPS:type': type,
          'OS-EXT-IPS-MAC:mac_addr': vif.macAddress,
        });
        list.push(entry(address, 'fixed', version), ...floating.map((ip) => entry(ip, 'floating', 4)));
      }
    }
  }
  return byLabel;
}

/** The same without what else is known of each address. */
export const plainAddressesOf = (instance: Instance): Record<string, { readonly version: number; readonly addr: string }[]> =>
  Object.fromEntries(
    Object.entries(addressesOf(instance)).map(([label, addresses]) => [
      label,
      (addresses as { readonly version: number; readonly addr: string }[]).map(({ version: family, addr }) => ({ version: family, addr })),
    ]),
  );

const faultOf = ({ instance: { fault, vmState } }: ServerDetail, ctx: RequestContext) => {
  if (fault === null || (vmState !== 'error' && vmState !== 'deleted')) return undefined;
  const details = fault.details !== null && (ctx.caller.isAdmin || fault.code !== 500) ? { details: fault.details } : {};
  return { code: fault.code, created: seconds(fault.created), message: fault.message, ...details };
};

/** Whether the host is up, for those who may see it; others may be allowed to see only that nobody knows. */
function hostStatusOf({ hostStatus }: ServerDetail, ctx: RequestContext): string | undefined {
  if (ctx.can('os_compute_api:servers:show:host_status')) return hostStatus;
  return hostStatus === 'UNKNOWN' && ctx.can('os_compute_api:servers:show:host_status:unknown-only') ? hostStatus : undefined;
}

/** A server in a brief list. */
export const briefServerView = versionedView<Instance, RequestContext>('BriefServer', {
  id: { type: Text, get: (instance) => instance.id },
  name: { type: Text, get: (instance) => instance.name },
  links: { type: Links, get: (instance, ctx) => links(ctx, 'servers', instance.id) },
});

type Fields = Readonly<Record<string, Field | readonly Field[]>>;

const serverFields: Fields = {
  id: { type: Text, get: (d) => d.instance.id },
  name: { type: Text, get: (d) => d.instance.name },
  status: { type: Text, get: (d) => statusOf(d.instance) },
  tenant_id: { type: Text, get: (d) => d.instance.projectId },
  user_id: { type: Text, get: (d) => d.instance.userId },
  metadata: { type: Type.Record(Text, Text), get: (d) => d.instance.metadata },
  hostId: { type: Text, get: (d) => hostId(d.instance) },
  image: [
    { until: '2.97', type: Type.Unknown(), get: (d, ctx) => imageOf(d, ctx, false) },
    { since: '2.98', type: Type.Unknown(), get: (d, ctx) => imageOf(d, ctx, true) },
  ],
  flavor: [
    {
      until: '2.46',
      type: Type.Unknown(),
      get: (d, ctx) => ({ id: d.instance.flavor.flavorId, links: bookmark(ctx, 'flavors', d.instance.flavor.flavorId) }),
    },
    { since: '2.47', type: Type.Unknown(), get: flavorOf },
  ],
  created: { type: Text, get: (d) => seconds(d.instance.createdAt) },
  updated: { type: Text, get: (d) => seconds(d.instance.updatedAt) },
  addresses: { type: Type.Unknown(), get: (d) => addressesOf(d.instance) },
  accessIPv4: { type: Text, get: (d) => d.instance.accessIpV4 ?? '' },
  accessIPv6: { type: Text, get: (d) => d.instance.accessIpV6 ?? '' },
  links: { type: Links, get: (d, ctx) => links(ctx, 'servers', d.instance.id) },
  'OS-DCF:diskConfig': { type: Text, get: (d) => d.instance.diskConfig },
  progress: { type: Type.Integer(), get: (d) => (showsProgress(statusOf(d.instance)) ? d.instance.progress : undefined) },
  fault: { type: Type.Unknown(), get: faultOf },
  'OS-EXT-AZ:availability_zone': { type: Text, get: (d) => d.instance.availabilityZone ?? '' },
  config_drive: { type: Text, get: (d) => (d.instance.configDrive ? 'True' : '') },
  key_name: { type: Nullable(Text), get: (d) => d.instance.keyName },
  'OS-SRV-USG:launched_at': { type: Nullable(Text), get: (d) => microseconds(d.instance.launchedAt) },
  'OS-SRV-USG:terminated_at': { type: Nullable(Text), get: (d) => microseconds(d.instance.terminatedAt) },
  security_groups: {
    type: Type.Unknown(),
    get: (d) => (d.instance.securityGroups.length === 0 ? undefined : d.instance.securityGroups.map((name) => ({ name }))),
  },
  'OS-EXT-STS:task_state': { type: Nullable(Text), get: (d) => d.instance.taskState },
  'OS-EXT-STS:vm_state': { type: Text, get: (d) => d.instance.vmState },
  'OS-EXT-STS:power_state': { type: Type.Enum(Object.values(powerStates)), get: (d) => d.instance.powerState },
  'os-extended-volumes:volumes_attached': [
    { until: '2.2', type: Type.Unknown(), get: (d) => volumesOf(d).map(({ volumeId }) => ({ id: volumeId })) },
    {
      since: '2.3',
      type: Type.Unknown(),
      get: (d) => volumesOf(d).map(({ volumeId, deleteOnTermination }) => ({ id: volumeId, delete_on_termination: deleteOnTermination })),
    },
  ],
  'OS-EXT-SRV-ATTR:host': placed({ type: Nullable(Text), get: (d) => d.instance.host }),
  'OS-EXT-SRV-ATTR:instance_name': placed({ type: Text, get: (d) => guestName(d.nameTemplate, d.instance) }),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': placed({ type: Nullable(Text), get: (d) => d.instance.node }),
  'OS-EXT-SRV-ATTR:hostname': [
    placed({ since: '2.3', until: '2.89', type: Text, get: (d) => d.instance.hostname }),
    { since: '2.90', type: Text, get: (d) => d.instance.hostname },
  ],
  'OS-EXT-SRV-ATTR:kernel_id': placed({ since: '2.3', type: Text, get: (d) => d.instance.image?.properties['kernel_id'] ?? '' }),
  'OS-EXT-SRV-ATTR:ramdisk_id': placed({ since: '2.3', type: Text, get: (d) => d.instance.image?.properties['ramdisk_id'] ?? '' }),
  'OS-EXT-SRV-ATTR:launch_index': placed({ since: '2.3', type: Type.Integer(), get: (d) => d.instance.launchIndex }),
  'OS-EXT-SRV-ATTR:reservation_id': placed({ since: '2.3', type: Text, get: (d) => d.instance.reservationId }),
  'OS-EXT-SRV-ATTR:root_device_name': placed({ since: '2.3', type: Nullable(Text), get: (d) => d.instance.rootDeviceName }),
  'OS-EXT-SRV-ATTR:user_data': placed({ since: '2.3', type: Nullable(Text), get: (d) => d.instance.userData }),
  locked: { since: '2.9', type: Type.Boolean(), get: (d) => d.instance.lockedBy !== null },
  host_status: { since: '2.16', type: Text, get: hostStatusOf },
  description: { since: '2.19', type: Nullable(Text), get: (d) => d.instance.description },
  tags: { since: '2.26', type: Type.Array(Text), get: (d) => d.instance.tags },
  trusted_image_certificates: { since: '2.63', type: Nullable(Type.Array(Text)), get: (d) => d.instance.trustedCerts },
  server_groups: { since: '2.71', type: Type.Array(Text), get: (d, ctx) => (isSingle(ctx) ? d.serverGroups : undefined) },
  locked_reason: { since: '2.73', type: Nullable(Text), get: (d) => d.instance.lockedReason },
  pinned_availability_zone: { since: '2.96', type: Nullable(Text), get: (d) => d.pinnedAvailabilityZone },
  scheduler_hints: { since: '2.100', type: Type.Unknown(), get: (d) => d.instance.schedulerHints },
};

/** A server as clients see it, at every microversion. The only file that knows these keys. */
export const serverView = versionedView<ServerDetail, RequestContext>('Server', serverFields);

/** Keys that the answer to a change has from 2.75 on; before, it shows less than the answer to a look at the server. */
const shownLate = /^(OS-EXT-(AZ|STS|SRV-ATTR):|OS-SRV-USG:|os-extended-volumes:|(config_drive|key_name|security_groups|host_status)$)/;
const since275 = (field: Field): readonly Field[] =>
  field.until !== undefined && version(field.until) < version('2.75')
    ? []
    : [field.since !== undefined && version(field.since) > version('2.75') ? field : { ...field, since: '2.75' }];

const changedFields = {
  ...serverFields,
  addresses: [
    { until: '2.74', type: Type.Unknown(), get: (d: ServerDetail) => plainAddressesOf(d.instance) },
    { since: '2.75', type: Type.Unknown(), get: (d: ServerDetail) => addressesOf(d.instance) },
  ],
} satisfies Fields;

/** A server as the answer to a change of it shows it. */
export const changedServerView = versionedView<ServerDetail, RequestContext>(
  'ChangedServer',
  Object.fromEntries(
    Object.entries(changedFields).map(([key, field]) => [key, shownLate.test(key) ? [field].flat().flatMap(since275) : field]),
  ),
);

/** What the answer to a rebuild shows beside that: the password, and since 2.57 what is told to the guest. */
export const rebuiltServerView = versionedView<ServerDetail & { readonly adminPass: string | null }, RequestContext>(
  'RebuiltServer',
  Object.fromEntries([
    ...Object.entries(changedFields)
      .filter(([key]) => key !== 'OS-EXT-SRV-ATTR:user_data')
      .map(([key, field]) => [key, key !== 'key_name' && shownLate.test(key) ? [field].flat().flatMap(since275) : field]),
    ['key_name', { since: '2.54', type: Nullable(Text), get: (d: ServerDetail) => d.instance.keyName }],
    ['user_data', { since: '2.57', type: Nullable(Text), get: (d: ServerDetail) => d.instance.userData }],
    ['adminPass', { type: Text, get: (d: { readonly adminPass: string | null }) => d.adminPass ?? undefined }],
  ]),
);

const volumesOf = ({ instance }: ServerDetail) => instance.blockDevices.filter(({ volumeId }) => volumeId !== null);
/** Lists never show what would take a query for each row. */
const isSingle = (ctx: RequestContext): boolean => !ctx.path.endsWith('/detail');
