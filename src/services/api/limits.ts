import { classLimits, quotaLimits } from '../../store/quotas.ts';
import type { ApiDeps } from './deps.ts';

type Deps = Pick<ApiDeps, 'stores' | 'settings' | 'identity'>;
type Limits = Record<string, number>;

/** Resources of quotas, with the names that unified limits have for them. */
const unifiedNames: Readonly<Record<string, string>> = {
  instances: 'servers',
  cores: 'class:VCPU',
  ram: 'class:MEMORY_MB',
  disk: 'class:DISK_GB',
  metadata_items: 'server_metadata_items',
  injected_files: 'server_injected_files',
  injected_file_content_bytes: 'server_injected_file_content_bytes',
  injected_file_path_bytes: 'server_injected_file_path_bytes',
  key_pairs: 'server_key_pairs',
  server_groups: 'server_groups',
  server_group_members: 'server_group_members',
};
/** Networks have quotas of their own, in the network service. */
const ofNetworks: Limits = { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 };

/** The limits of the configuration, by the wire's resource names. */
function configuredLimits({ settings }: Deps): Limits {
  const { instances, cores, ram, metadata_items, injected_files, injected_file_content_bytes, key_pairs } = settings.quota;
  const { server_groups, server_group_members, injected_file_path_length: injected_file_path_bytes } = settings.quota;
  const files = { injected_files, injected_file_content_bytes, injected_file_path_bytes };
  return { instances, cores, ram, metadata_items, key_pairs, server_groups, server_group_members, ...files, ...ofNetworks };
}

/** The identity service's limits: what a project was given, else what is registered for everybody, else none or nothing at all. */
async function unifiedLimits({ identity, settings }: Deps, projectId: string | null): Promise<Limits> {
  const { unified_limits_resource_strategy: strategy, unified_limits_resource_list: listed } = settings.quota;
  const endpointId = settings.oslo_limit.endpoint_id === '' ? null : settings.oslo_limit.endpoint_id;
  const { registered, ofProject } = await identity.limits({ endpointId, projectId });
  const unlimited = (name: string): boolean => listed.includes(name) === (strategy === 'ignore');
  const limits = Object.entries(unifiedNames).map(([resource, name]) => {
    const known = registered[name] === undefined ? undefined : (ofProject[name] ?? registered[name]);
    return [resource, known ?? (unlimited(name) ? -1 : 0)] as const;
  });
  return { ...Object.fromEntries(limits), ...ofNetworks };
}

const nothingLimited = (): Limits =>
  Object.fromEntries([...Object.keys(unifiedNames), ...Object.keys(ofNetworks)].map((name) => [name, -1]));

/** The limits of a project (or of a user in it): its own, its class's or the configured ones; with unified limits those of the identity service. */
export async function limitsOf(deps: Deps, projectId: string, userId?: string): Promise<Limits> {
  const { driver } = deps.settings.quota;
  if (driver === 'nova.quota.NoopQuotaDriver') return nothingLimited();
  if (driver === 'nova.quota.UnifiedLimitsDriver') return unifiedLimits(deps, projectId);
  return quotaLimits(deps.stores.api, { projectId, ...(userId === undefined ? {} : { userId }) }, configuredLimits(deps));
}

/** The limits of everybody who has none of their own: those of a class, which only compute's own limits have. */
export async function defaultLimits(deps: Deps, className = 'default'): Promise<Limits> {
  const { driver } = deps.settings.quota;
  if (driver === 'nova.quota.NoopQuotaDriver') return nothingLimited();
  if (driver === 'nova.quota.UnifiedLimitsDriver') return unifiedLimits(deps, null);
  return classLimits(deps.stores.api, className, configuredLimits(deps));
}
