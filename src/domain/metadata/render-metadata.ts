import { ec2MetaData, type Ec2Tree } from './ec2-metadata.ts';
import type { InstanceMetadata } from './instance-metadata.ts';
import { ec2Version, ec2Versions, openstackVersion, openstackVersions } from './metadata-versions.ts';
import { listedDocuments, openstackDocument, userDataOf } from './openstack-metadata.ts';

/** What rendering needs to know besides the instance. */
export interface RenderContext {
  /** The guest's address, where its instance has none. */
  readonly requestAddress: string;
  /** 512 random bytes, asked for only where they are shown. */
  readonly randomSeed: () => Uint8Array;
  /** Milliseconds since the epoch: versions of the future are not listed. */
  readonly now: number;
}

export interface RenderedMetadata {
  readonly contentType: 'text/plain' | 'application/json';
  readonly body: string | Buffer;
}

const text = (body: string | Buffer): RenderedMetadata => ({ contentType: 'text/plain', body });

/** What a path means once `.`, `..`, doubled and trailing slashes are gone: `openstack` or `ec2` and the rest; anything else is below `ec2`. */
export function metadataSegments(path: string): readonly string[] {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments.length === 0 || segments[0] === 'openstack' || segments[0] === 'ec2' ? segments : ['ec2', ...segments];
}

/** The list of EC2 versions, which `/` shows to anybody. */
export const versionList = (): RenderedMetadata => text([...ec2Versions, 'latest'].join('\n'));

/** What the metadata service answers to a path of an instance; null for 404. */
export function renderMetadata(metadata: InstanceMetadata, path: string, context: RenderContext): RenderedMetadata | null {
  const [tree, version, ...rest] = metadataSegments(path);
  if (tree === undefined) return versionList();
  return tree === 'openstack' ? renderOpenstack(metadata, version, rest, context) : renderEc2(metadata, version, rest, context);
}

function renderOpenstack(
  metadata: InstanceMetadata,
  named: string | undefined,
  [name, ...more]: readonly string[],
  context: RenderContext,
): RenderedMetadata | null {
  if (named === undefined) {
    const today = new Date(context.now).toISOString().slice(0, 10);
    return text([...openstackVersions.filter((version) => version <= today), 'latest'].join('\n'));
  }
  const version = openstackVersion(named);
  if (version === null || more.length > 0) return null;
  if (name === undefined) return text(listedDocuments(metadata, version).join('\n'));
  const randomSeed = name === 'meta_data.json' ? context.randomSeed() : new Uint8Array();
  const document = openstackDocument(metadata, version, name, { on: 'http', randomSeed });
  return document === null ? null : { contentType: document.isJson ? 'application/json' : 'text/plain', body: document.content };
}

function renderEc2(
  metadata: InstanceMetadata,
  named: string | undefined,
  rest: readonly string[],
  context: RenderContext,
): RenderedMetadata | null {
  if (named === undefined) return versionList();
  const version = ec2Version(named);
  if (version === null) return null;
  const [top, ...below] = rest;
  const userData = userDataOf(metadata);
  if (top === undefined) return text(userData === null ? 'meta-data/' : 'meta-data/\nuser-data');
  if (top === 'user-data') return userData === null || below.length > 0 ? null : text(userData);
  if (top !== 'meta-data') return null;
  let node: Ec2Tree[string] | undefined = ec2MetaData(metadata, version, context.requestAddress);
  for (const key of below) {
    if (typeof node !== 'object' || isList(node) || !Object.hasOwn(node, key)) return null;
    node = node[key];
  }
  if (node === undefined) return null;
  if (typeof node === 'string' || typeof node === 'number') return text(String(node));
  if (isList(node)) return text(node.join('\n'));
  // keys are listed by their names, so that whoever reads on knows which is which
  const isKeys = below.length === 1 && below[0] === 'public-keys';
  return text(isKeys ? `0=${metadata.publicKey?.name ?? ''}` : listing(node));
}

const isList = (node: Ec2Tree[string]): node is readonly string[] => Array.isArray(node);

const listing = (tree: Ec2Tree): string =>
  Object.entries(tree)
    .map(([key, value]) => (typeof value === 'object' && !isList(value) ? `${key}/` : key))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join('\n');
