/** What a cloud has that Tempest must know of. */
export interface TempestSubject {
  readonly authUrl: string;
  readonly adminPassword: string;
  readonly imageId: string;
  readonly otherImageId: string;
  readonly flavorId: string;
  readonly otherFlavorId: string;
  readonly publicNetworkId: string;
  /** Aliases of the extensions the network service has. */
  readonly networkExtensions: readonly string[];
  /** Whether the catalog has a volume service. */
  readonly hasVolumes: boolean;
  readonly hosts: number;
}

type Value = string | number | boolean;

/** The filters of the cloud: the usual ones, and those of hints that tests give. */
export const enabledFilters: readonly string[] = [
  'ComputeFilter',
  'AvailabilityZoneFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'ServerGroupAntiAffinityFilter',
  'ServerGroupAffinityFilter',
  'SameHostFilter',
  'DifferentHostFilter',
];

/** Everything the wire offers is on; what is off says why. Guests are pretended: nobody can log in to them, so `run_validation` is off. */
const computeFeatures: Readonly<Record<string, Value>> = {
  disk_config: true,
  change_password: true,
  console_output: true,
  resize: true,
  pause: true,
  shelve: true,
  shelve_migrate: true,
  suspend: true,
  cold_migration: true,
  live_migration: true,
  live_migrate_back_and_forth: true,
  metadata_service: true,
  block_migration_for_live_migration: true,
  block_migrate_cinder_iscsi: true,
  can_migrate_between_any_hosts: true,
  vnc_console: true,
  spice_console: true,
  serial_console: true,
  rdp_console: false, // Nova has had none since 2024.1
  rescue: true,
  stable_rescue: true,
  enable_instance_password: true,
  interface_attach: true,
  snapshot: true,
  nova_cert: false, // gone from Nova since Ocata
  personality: true,
  config_drive: true,
  swap_volume: false, // Nova has a volume swapped in the course of a migration by the volume service only, which ours has none of
  volume_backed_live_migration: true,
  volume_multiattach: true,
  attach_encrypted_volume: true,
  ide_bus: true,
  hostname_fqdn_sanitization: true,
  unified_limits: false, // the embedded identity service keeps no limits; quotas are Nova's own
};

/** The text of `tempest.conf`. */
export function tempestConfiguration(subject: TempestSubject, directory: string, xenApi = false): string {
  const groups: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
    DEFAULT: { log_dir: `${directory}/log`, log_file: 'tempest.log' },
    oslo_concurrency: { lock_path: `${directory}/locks` },
    auth: {
      use_dynamic_credentials: true,
      create_isolated_networks: true,
      admin_username: 'admin',
      admin_password: subject.adminPassword,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
    },
    identity: { uri_v3: subject.authUrl, auth_version: 'v3', v3_endpoint_type: 'public' },
    'identity-feature-enabled': { api_v2: false },
    service_available: { nova: true, glance: true, neutron: true, cinder: subject.hasVolumes, swift: false },
    compute: {
      image_ref: subject.imageId,
      image_ref_alt: subject.otherImageId,
      // nobody looks at signatures here: hypervisors that pretend open no image
      certified_image_ref: subject.imageId,
      certified_image_trusted_certs: 'one-certificate,another-certificate',
      flavor_ref: subject.flavorId,
      flavor_ref_alt: subject.otherFlavorId,
      build_interval: 1,
      build_timeout: 60,
      min_compute_nodes: subject.hosts,
      hypervisor_type: 'fake',
      min_microversion: '2.1',
      max_microversion: 'latest',
    },
    'compute-feature-enabled': { ...computeFeatures, xenapi_apis: xenApi, scheduler_enabled_filters: enabledFilters.join(',') },
    volume: {
      min_microversion: '3.0',
      max_microversion: 'latest',
      build_interval: 1,
      build_timeout: 60,
      storage_protocol: 'local',
      vendor_name: 'Kilonova',
    },
    'volume-feature-enabled': { backup: false, snapshot: true, clone: true, extend_attached_volume: true },
    validation: { run_validation: false },
    network: { public_network_id: subject.publicNetworkId, floating_network_name: 'public' },
    'network-feature-enabled': { floating_ips: true, port_security: true, api_extensions: subject.networkExtensions.join(',') },
  };
  return Object.entries(groups)
    .map(
      ([group, options]) =>
        `[${group}]\n${Object.entries(options)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join('')}`,
    )
    .join('\n');
}
