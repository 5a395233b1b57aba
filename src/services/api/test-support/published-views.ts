/** The keys of representations, as they are published: from which microversion on, and up to which. */
type Span = `2.${number}..` | `2.${number}..2.${number}`;
export type Keys = Partial<Readonly<Record<Span, string>>>;

const usage = 'OS-SRV-USG:launched_at OS-SRV-USG:terminated_at';
const states = 'OS-EXT-STS:task_state OS-EXT-STS:vm_state OS-EXT-STS:power_state';
const placed = 'OS-EXT-SRV-ATTR:host OS-EXT-SRV-ATTR:instance_name OS-EXT-SRV-ATTR:hypervisor_hostname';
const placedSince3 =
  'OS-EXT-SRV-ATTR:kernel_id OS-EXT-SRV-ATTR:ramdisk_id OS-EXT-SRV-ATTR:launch_index OS-EXT-SRV-ATTR:reservation_id OS-EXT-SRV-ATTR:root_device_name OS-EXT-SRV-ATTR:user_data';
const always =
  'id links name status tenant_id user_id created updated hostId accessIPv4 accessIPv6 addresses image flavor metadata OS-DCF:diskConfig';
const late = `OS-EXT-AZ:availability_zone config_drive key_name ${usage} security_groups ${states} os-extended-volumes:volumes_attached`;
const added: Keys = {
  '2.9..': 'locked',
  '2.19..': 'description',
  '2.26..': 'tags',
  '2.63..': 'trusted_image_certificates',
  '2.73..': 'locked_reason',
  '2.96..': 'pinned_availability_zone',
  '2.100..': 'scheduler_hints',
};
const addedToOne: Keys = { ...added, '2.71..': 'server_groups' };

/** Of a server that is neither in error nor without security groups: in a list, in detail, by itself and in the answer to a change. */
export const serverKeys = {
  list: { '2.1..': 'id name links' },
  detail: { '2.1..': `${always} progress ${late}`, '2.90..': 'OS-EXT-SRV-ATTR:hostname', ...added },
  show: { '2.1..': `${always} progress ${late}`, '2.90..': 'OS-EXT-SRV-ATTR:hostname', ...addedToOne },
  change: { '2.1..': `${always} progress`, '2.75..': late, '2.90..': 'OS-EXT-SRV-ATTR:hostname', ...addedToOne },
  rebuild: {
    '2.1..': `${always} progress adminPass`,
    '2.54..': 'key_name',
    '2.57..': 'user_data',
    '2.75..': late.replace('key_name', '').replaceAll(/ +/g, ' ').trim(),
    '2.90..': 'OS-EXT-SRV-ATTR:hostname',
    ...addedToOne,
  },
} as const satisfies Readonly<Record<string, Keys>>;

/** What only administrators see besides. */
export const serverKeysOfAdmins = {
  list: {},
  detail: { '2.1..': placed, '2.3..': placedSince3, '2.3..2.89': 'OS-EXT-SRV-ATTR:hostname', '2.16..': 'host_status' },
  show: { '2.1..': placed, '2.3..': placedSince3, '2.3..2.89': 'OS-EXT-SRV-ATTR:hostname', '2.16..': 'host_status' },
  change: { '2.75..': `${placed} ${placedSince3} host_status`, '2.75..2.89': 'OS-EXT-SRV-ATTR:hostname' },
  rebuild: {
    '2.75..': `${placed} ${placedSince3.replace('OS-EXT-SRV-ATTR:user_data', '').replaceAll(/ +/g, ' ').trim()} host_status`,
    '2.75..2.89': 'OS-EXT-SRV-ATTR:hostname',
  },
} as const satisfies Readonly<Record<keyof typeof serverKeys, Keys>>;

const quotas = 'id instances cores ram metadata_items key_pairs';
const injected = 'injected_files injected_file_content_bytes injected_file_path_bytes';
const ofNetworks = 'fixed_ips floating_ips security_groups security_group_rules';
const quotaSet: Keys = { '2.1..': `${quotas} server_groups server_group_members`, '2.1..2.56': injected, '2.1..2.35': ofNetworks };
const aggregate = 'id name availability_zone created_at updated_at deleted deleted_at';
const hypervisor = 'id hypervisor_hostname state status servers';

/** Every other view that a route answers with, by its title. */
export const keysOfViews: Readonly<Record<string, Keys>> = {
  InterfaceAttachment: { '2.1..': 'net_id port_id mac_addr port_state fixed_ips', '2.70..': 'tag' },
  VolumeAttachment: {
    '2.1..2.88': 'id',
    '2.1..': 'volumeId serverId device',
    '2.70..': 'tag',
    '2.79..': 'delete_on_termination',
    '2.89..': 'attachment_id bdm_uuid',
  },
  ConsoleAuthToken: { '2.1..': 'instance_uuid host port internal_access_path', '2.99..': 'tls_port' },
  InstanceAction: { '2.1..': 'action instance_uuid request_id user_id project_id start_time message events', '2.58..': 'updated_at' },
  Flavor: {
    '2.1..': 'id name ram disk vcpus swap OS-FLV-EXT-DATA:ephemeral os-flavor-access:is_public links',
    '2.1..2.101': 'rxtx_factor OS-FLV-DISABLED:disabled',
    '2.55..': 'description',
    '2.61..': 'extra_specs',
  },
  CreatedKeyPair: { '2.1..': 'name public_key fingerprint user_id', '2.2..': 'type', '2.1..2.91': 'private_key' },
  KeyPair: { '2.1..': 'name public_key fingerprint user_id created_at updated_at deleted deleted_at id', '2.2..': 'type' },
  Service: { '2.1..': 'id binary host zone status state updated_at disabled_reason', '2.11..': 'forced_down' },
  Hypervisor: {
    '2.1..': `${hypervisor} hypervisor_type hypervisor_version host_ip service`,
    '2.1..2.87':
      'vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used free_ram_mb free_disk_gb current_workload running_vms disk_available_least cpu_info',
    '2.88..': 'uptime',
  },
  HypervisorUptime: { '2.1..': `${hypervisor} uptime` },
  CreatedAggregate: { '2.1..': aggregate, '2.41..': 'uuid' },
  Aggregate: { '2.1..': `${aggregate} hosts metadata`, '2.41..': 'uuid' },
  ServerGroup: { '2.1..': 'id name members', '2.1..2.63': 'policies metadata', '2.64..': 'policy rules', '2.13..': 'project_id user_id' },
  ServerShare: { '2.1..': 'share_id status tag uuid export_location' },
  ServerMigration: {
    '2.1..':
      'created_at updated_at id server_uuid status source_compute source_node dest_compute dest_node dest_host memory_total_bytes memory_processed_bytes memory_remaining_bytes disk_total_bytes disk_processed_bytes disk_remaining_bytes',
    '2.59..': 'uuid',
    '2.80..': 'user_id project_id',
  },
  ServerDiagnostics: {
    '2.1..':
      'state driver hypervisor hypervisor_os uptime config_drive num_cpus num_nics num_disks cpu_details nic_details disk_details memory_details',
  },
  QuotaSet: quotaSet,
  QuotaSetDetail: quotaSet,
  QuotaClassSet: { '2.1..': quotas, '2.50..': 'server_groups server_group_members', '2.1..2.56': injected, '2.1..2.49': ofNetworks },
  ComputeImage: {
    '2.1..': 'id name minRam minDisk metadata created updated status progress OS-EXT-IMG-SIZE:size links server OS-DCF:diskConfig',
  },
};
