import Type from 'typebox';
import type { VersionText } from '../../../../lib/http/microversion.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';

interface Limits {
  readonly limits: Readonly<Record<string, number>>;
  readonly used: Readonly<Record<string, number>>;
}

const type = Type.Integer();
const limit = (resource: string, until?: VersionText) => ({
  ...(until === undefined ? {} : { until }),
  type,
  get: ({ limits }: Limits) => limits[resource],
});
const used = (resource: string, until?: VersionText) => ({
  ...(until === undefined ? {} : { until }),
  type,
  get: ({ used: amounts }: Limits) => amounts[resource] ?? 0,
});

/** `absolute` of `GET /limits`. */
export const absoluteLimitsView = versionedView<Limits>('AbsoluteLimits', {
  maxTotalInstances: limit('instances'),
  maxTotalCores: limit('cores'),
  maxTotalRAMSize: limit('ram'),
  maxTotalKeypairs: limit('key_pairs'),
  maxServerMeta: limit('metadata_items'),
  maxServerGroups: limit('server_groups'),
  maxServerGroupMembers: limit('server_group_members'),
  maxSecurityGroups: limit('security_groups', '2.35'),
  maxSecurityGroupRules: limit('security_group_rules', '2.35'),
  maxTotalFloatingIps: limit('floating_ips', '2.35'),
  maxImageMeta: limit('metadata_items', '2.38'),
  maxPersonality: limit('injected_files', '2.56'),
  maxPersonalitySize: limit('injected_file_content_bytes', '2.56'),
  totalInstancesUsed: used('instances'),
  totalCoresUsed: used('cores'),
  totalRAMUsed: used('ram'),
  totalServerGroupsUsed: used('server_groups'),
  totalFloatingIpsUsed: used('floating_ips', '2.35'),
  totalSecurityGroupsUsed: used('security_groups', '2.35'),
});
