import { fullHostname } from './ec2-metadata.ts';
import type { GuestDevice, InstanceMetadata } from './instance-metadata.ts';
import { has, type OpenstackVersion } from './metadata-versions.ts';
import { networkData } from './network-data.ts';

/** Where the documents are read: some of what they say stands on the config drive only. */
export interface Reading {
  readonly on: 'http' | 'config-drive';
  /** 512 random bytes, new at each reading. */
  readonly randomSeed: Uint8Array;
}

export const userDataOf = ({ userData }: InstanceMetadata): Buffer | null => (userData === null ? null : Buffer.from(userData, 'base64'));

type Json = Readonly<Record<string, unknown>>;

/** Path of an injected file below `openstack/`. */
export const contentPath = (number: number): string => `content/${String(number).padStart(4, '0')}`;

/** `meta_data.json` at one version. */
export function metaDataJson(metadata: InstanceMetadata, version: OpenstackVersion, { on, randomSeed }: Reading): Json {
  const since = (first: OpenstackVersion, entries: Json): Json => (has(version, first) ? entries : {});
  const { publicKey, files, adminPass } = metadata;
  const onDrive = on === 'config-drive';
  return {
    uuid: metadata.instanceId,
    ...(Object.keys(metadata.metadata).length === 0 ? {} : { meta: metadata.metadata }),
    ...(onDrive && files.length > 0 ? { files: files.map(({ path }, n) => ({ path, content_path: `/${contentPath(n)}` })) } : {}),
    ...(onDrive && adminPass !== null ? { admin_pass: adminPass } : {}),
    ...(publicKey === null
      ? {}
      : {
          public_keys: { [publicKey.name]: publicKey.data },
          keys: [{ name: publicKey.name, type: publicKey.type, data: publicKey.data }],
        }),
    hostname: fullHostname(metadata),
    name: metadata.name,
    launch_index: metadata.launchIndex,
    availability_zone: metadata.availabilityZone,
    ...since('2013-04-04', { random_seed: Buffer.from(randomSeed).toString('base64') }),
    ...since('2015-10-15', { project_id: metadata.projectId }),
    ...since('2016-06-30', { devices: metadata.devices.flatMap((device) => deviceEntry(device, version)) }),
    ...since('2020-10-14', { dedicated_cpus: metadata.dedicatedCpus.toSorted((a, b) => a - b) }),
  };
}

/** A device as the guest reads it; nothing for one it could not be told apart by, or that its version does not know. */
function deviceEntry(device: GuestDevice, version: OpenstackVersion): Json[] {
  const common = {
    type: device.type,
    bus: device.bus ?? 'none',
    address: device.address ?? 'none',
    ...(device.tags.length === 0 ? {} : { tags: device.tags }),
  };
  switch (device.type) {
    case 'nic': {
      const vlan = has(version, '2017-02-22') && device.vlan !== null ? { vlan: device.vlan } : {};
      const trusted = has(version, '2018-08-27') ? { vf_trusted: device.vfTrusted ?? false } : {};
      const telling = { ...vlan, ...trusted };
      return device.tags.length === 0 && Object.keys(telling).length === 0 ? [] : [{ ...common, mac: device.mac, ...telling }];
    }
    case 'disk':
      return [
        { ...common, ...(device.serial === null ? {} : { serial: device.serial }), ...(device.path === null ? {} : { path: device.path }) },
      ];
    case 'share':
      return has(version, '2025-04-04') ? [{ ...common, share_id: device.shareId, tag: device.tag }] : [];
    default:
      return device satisfies never;
  }
}

export interface Document {
  readonly name: string;
  readonly content: string | Buffer;
  readonly isJson: boolean;
}

interface DocumentRule {
  readonly name: string;
  /** From when it is listed, and written on config drives. */
  readonly since: OpenstackVersion;
  /** Answered at every version, listed or not. */
  readonly answeredBefore?: boolean;
  readonly isJson?: boolean;
  readonly onHttpOnly?: boolean;
  /** Null where there is none. */
  readonly content: (metadata: InstanceMetadata, version: OpenstackVersion, reading: Reading) => string | Buffer | null;
}

/** The documents of the OpenStack tree, in the order their listing has. */
const documents: readonly DocumentRule[] = [
  {
    name: 'meta_data.json',
    since: '2012-08-10',
    isJson: true,
    content: (metadata, version, reading) => JSON.stringify(metaDataJson(metadata, version, reading)),
  },
  { name: 'user_data', since: '2012-08-10', content: userDataOf },
  { name: 'password', since: '2013-04-04', onHttpOnly: true, content: ({ password }) => password },
  {
    name: 'vendor_data.json',
    since: '2013-10-17',
    isJson: true,
    content: ({ vendorData }) => (vendorData.static === null ? null : JSON.stringify(vendorData.static)),
  },
  {
    name: 'network_data.json',
    since: '2015-10-15',
    answeredBefore: true,
    content: ({ networkInfo }) => JSON.stringify(networkData(networkInfo)),
  },
  {
    name: 'vendor_data2.json',
    since: '2016-10-06',
    isJson: true,
    content: ({ vendorData }) =>
      JSON.stringify({ ...vendorData.dynamic, ...(vendorData.static === null ? {} : { static: vendorData.static }) }),
  },
];

/** What is listed at a version, in its order. */
export const listedDocuments = (metadata: InstanceMetadata, version: OpenstackVersion): string[] =>
  documents
    .filter(({ name, since }) => has(version, since) && (name !== 'user_data' || metadata.userData !== null))
    .map(({ name }) => name);

/** One document, or null where there is none of that name at that version. */
export function openstackDocument(metadata: InstanceMetadata, version: OpenstackVersion, name: string, reading: Reading): Document | null {
  const rule = documents.find((each) => each.name === name);
  if (rule === undefined || (!has(version, rule.since) && rule.answeredBefore !== true)) return null;
  const content = rule.content(metadata, version, reading);
  return content === null ? null : { name, content, isJson: rule.isJson ?? false };
}

/** The documents a config drive has at a version. */
export const driveDocuments = (metadata: InstanceMetadata, version: OpenstackVersion, reading: Reading): Document[] =>
  documents
    .filter(({ since, onHttpOnly }) => has(version, since) && onHttpOnly !== true)
    .flatMap(({ name }) => openstackDocument(metadata, version, name, reading) ?? []);
