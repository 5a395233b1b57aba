import { ec2MetaData } from './ec2-metadata.ts';
import type { InstanceMetadata } from './instance-metadata.ts';
import { openstackVersions, type OpenstackVersion } from './metadata-versions.ts';
import { contentPath, driveDocuments, userDataOf, type Reading } from './openstack-metadata.ts';

/** A file of a config drive; the path has no slash in front. */
export interface ConfigDriveFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Older ones are left out, as `config_drive_skip_versions` has it. */
const ec2OnDrive = ['2009-04-04', 'latest'] as const;

/** Everything on an instance's config drive: the same the metadata service shows, and what only the drive carries. */
export function configDriveFiles(metadata: InstanceMetadata, options: { readonly randomSeed: Uint8Array }): ConfigDriveFile[] {
  const userData = userDataOf(metadata);
  const ec2 = JSON.stringify(ec2MetaData(metadata, '2009-04-04', ''));
  const reading: Reading = { on: 'config-drive', randomSeed: options.randomSeed };
  const versions: [string, OpenstackVersion][] = [
    ...openstackVersions.map((version): [string, OpenstackVersion] => [version, version]),
    ['latest', '2025-04-04'],
  ];
  return [
    ...ec2OnDrive.flatMap((version) => [
      { path: `ec2/${version}/meta-data.json`, content: ec2 },
      ...(userData === null ? [] : [{ path: `ec2/${version}/user-data`, content: userData }]),
    ]),
    ...versions.flatMap(([directory, version]) =>
      driveDocuments(metadata, version, reading).map(({ name, content }) => ({ path: `openstack/${directory}/${name}`, content })),
    ),
    ...metadata.files.map(({ content }, n) => ({ path: `openstack/${contentPath(n)}`, content: Buffer.from(content, 'base64') })),
  ];
}
