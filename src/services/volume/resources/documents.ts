import { Reply, type AnyRoute } from '../../../lib/http/route.ts';
import { volumeRoute, type VolumeDeps } from '../deps.ts';
import { volumeMicroversions } from '../microversions.ts';

const versionDocument = (baseUrl: string) => ({
  versions: [
    {
      id: 'v3.0',
      status: 'CURRENT',
      version: volumeMicroversions.max,
      min_version: volumeMicroversions.min,
      updated: '2026-11-21T00:00:00Z',
      links: [
        { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
        { rel: 'self', href: `${baseUrl}/v3/` },
      ],
      'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
    },
  ],
});

const versionRoute = (path: string, status: number): AnyRoute<VolumeDeps> =>
  volumeRoute({
    method: 'GET',
    path,
    summary: 'List API versions',
    policy: 'public',
    reply: { status },
    handle: ({ ctx }) => new Reply(status, versionDocument(ctx.baseUrl)),
  });

/** What describes the API itself. */
export const versionRoutes: readonly AnyRoute<VolumeDeps>[] = [versionRoute('/', 300), versionRoute('/v3', 200), versionRoute('/v3/', 200)];

/** Aliases that clients ask for before they use what these once added. */
const extensions = [
  ['os-volume-type-access', 'VolumeTypeAccess'],
  ['os-volume-encryption-metadata', 'VolumeEncryptionMetadata'],
  ['os-types-extra-specs', 'TypesExtraSpecs'],
  ['os-availability-zone', 'AvailabilityZones'],
  ['os-extended-snapshot-attributes', 'ExtendedSnapshotAttributes'],
  ['os-vol-image-meta', 'VolumeImageMetadata'],
  ['os-vol-tenant-attr', 'VolumeTenantAttribute'],
  ['os-vol-host-attr', 'VolumeHostAttribute'],
  ['os-quota-sets', 'Quotas'],
  ['os-quota-class-sets', 'QuotaClasses'],
  ['os-services', 'Services'],
  ['os-volume-actions', 'VolumeActions'],
  ['os-admin-actions', 'AdminActions'],
  ['os-volume-transfer', 'VolumeTransfer'],
  ['qos-specs', 'Qos_specs_manage'],
  ['scheduler-stats', 'Scheduler_stats'],
  ['OS-SCH-HNT', 'SchedulerHints'],
] as const;

export const extensionRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/extensions',
    summary: 'List extensions',
    policy: 'volume:list_extensions',
    reply: { status: 200 },
    handle: () => ({
      extensions: extensions.map(([alias, name]) => ({
        alias,
        name,
        description: `${name}.`,
        links: [],
        updated: '2013-01-01T00:00:00+00:00',
      })),
    }),
  }),
];
