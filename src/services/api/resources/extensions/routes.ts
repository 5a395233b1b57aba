import { notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { route } from '../../deps.ts';
import { noQuery } from '../../queries.ts';

/** Extensions there once were, all of them part of the API since 2.1; old clients look for some by alias. */
const aliases = [
  'NMN',
  'OS-DCF',
  'OS-EXT-AZ',
  'OS-EXT-IMG-SIZE',
  'OS-EXT-IPS',
  'OS-EXT-IPS-MAC',
  'OS-EXT-SRV-ATTR',
  'OS-EXT-STS',
  'OS-FLV-DISABLED',
  'OS-FLV-EXT-DATA',
  'OS-SCH-HNT',
  'OS-SRV-USG',
  'os-access-ips',
  'os-admin-actions',
  'os-admin-password',
  'os-agents',
  'os-aggregates',
  'os-assisted-volume-snapshots',
  'os-attach-interfaces',
  'os-availability-zone',
  'os-baremetal-ext-status',
  'os-baremetal-nodes',
  'os-block-device-mapping',
  'os-block-device-mapping-v2-boot',
  'os-cell-capacities',
  'os-cells',
  'os-certificates',
  'os-cloudpipe',
  'os-cloudpipe-update',
  'os-config-drive',
  'os-console-auth-tokens',
  'os-console-output',
  'os-consoles',
  'os-create-backup',
  'os-create-server-ext',
  'os-deferred-delete',
  'os-evacuate',
  'os-extended-evacuate-find-host',
  'os-extended-floating-ips',
  'os-extended-hypervisors',
  'os-extended-networks',
  'os-extended-quotas',
  'os-extended-rescue-with-image',
  'os-extended-services',
  'os-extended-services-delete',
  'os-extended-status',
  'os-extended-volumes',
  'os-fixed-ips',
  'os-flavor-access',
  'os-flavor-extra-specs',
  'os-flavor-manage',
  'os-flavor-rxtx',
  'os-flavor-swap',
  'os-floating-ip-dns',
  'os-floating-ip-pools',
  'os-floating-ips',
  'os-floating-ips-bulk',
  'os-fping',
  'os-hide-server-addresses',
  'os-hosts',
  'os-hypervisor-status',
  'os-hypervisors',
  'os-instance-actions',
  'os-instance_usage_audit_log',
  'os-keypairs',
  'os-lock-server',
  'os-migrate-server',
  'os-migrations',
  'os-multiple-create',
  'os-networks',
  'os-networks-associate',
  'os-pause-server',
  'os-personality',
  'os-preserve-ephemeral-rebuild',
  'os-quota-class-sets',
  'os-quota-sets',
  'os-rescue',
  'os-security-group-default-rules',
  'os-security-groups',
  'os-server-diagnostics',
  'os-server-external-events',
  'os-server-group-quotas',
  'os-server-groups',
  'os-server-list-multi-status',
  'os-server-password',
  'os-server-sort-keys',
  'os-server-start-stop',
  'os-services',
  'os-shelve',
  'os-simple-tenant-usage',
  'os-suspend-server',
  'os-tenant-networks',
  'os-used-limits',
  'os-used-limits-for-admin',
  'os-user-data',
  'os-user-quotas',
  'os-virtual-interfaces',
  'os-volume-attachment-update',
  'os-volumes',
] as const;

/** Names that are not their alias in other letters. */
const names: Readonly<Record<string, string>> = {
  NMN: 'Multinic',
  'OS-DCF': 'DiskConfig',
  'OS-EXT-AZ': 'ExtendedAvailabilityZone',
  'OS-EXT-IMG-SIZE': 'ImageSize',
  'OS-EXT-IPS': 'ExtendedIps',
  'OS-EXT-IPS-MAC': 'ExtendedIpsMac',
  'OS-EXT-SRV-ATTR': 'ExtendedServerAttributes',
  'OS-EXT-STS': 'ExtendedStatus',
  'OS-EXT-VIF-NET': 'ExtendedVIFNet',
  'OS-FLV-DISABLED': 'FlavorDisabled',
  'OS-FLV-EXT-DATA': 'FlavorExtraData',
  'OS-SCH-HNT': 'SchedulerHints',
  'OS-SRV-USG': 'ServerUsage',
};

const nameOf = (alias: string): string =>
  names[alias] ??
  alias
    .slice('os-'.length)
    .split(/[-_]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

const extensionOf = (alias: string) => ({
  alias,
  name: nameOf(alias),
  description: `${nameOf(alias).replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')}, part of the API since 2.1.`,
  namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
  updated: '2014-12-03T00:00:00Z',
  links: [],
});

/** Version 2.0 has one that never came to 2.1; by alias, capitals first. */
const aliasesAt = ({ legacy }: Pick<RequestContext, 'legacy'>): readonly string[] =>
  legacy ? [...aliases, 'OS-EXT-VIF-NET'].toSorted() : aliases;

export const extensionRoutes = [
  route({
    method: 'GET',
    path: '/extensions',
    summary: 'List extensions',
    policy: 'os_compute_api:extensions',
    query: noQuery,
    reply: { status: 200, key: 'extensions' },
    handle: ({ ctx }) => aliasesAt(ctx).map(extensionOf),
  }),
  route({
    method: 'GET',
    path: '/extensions/:alias',
    summary: 'Show an extension',
    policy: 'os_compute_api:extensions',
    query: noQuery,
    reply: { status: 200, key: 'extension' },
    handle: ({ params, ctx }) => {
      const alias = aliasesAt(ctx).find((one) => one === params.alias);
      if (alias === undefined) throw notFound(`Extension ${params.alias} could not be found.`);
      return extensionOf(alias);
    },
  }),
];
