import { hostname } from 'node:os';
import { option } from './option.ts';

/** Every setting, under Nova's own group and option names (`spec/config-and-cli.md`); what Kilonova adds is in `[kilonova]`. */
export const novaSchema = {
  DEFAULT: {
    host: option.text({
      default: hostname(),
      sample: '<hostname>',
      help: 'Name of this host as a compute service; must never change after the first start.',
    }),
    my_ip: option.text({ default: '127.0.0.1', help: 'Address under which other hosts and consoles reach this one.' }),
    my_block_storage_ip: option.text({ default: '', help: 'Address under which this host reaches volumes; my_ip when it is empty.' }),
    debug: option.flag({ default: false, help: 'Log at level debug.' }),
    state_path: option.text({ default: '/var/lib/nova', help: 'Top directory for state.' }),
    instances_path: option.text({ default: '$state_path/instances', help: 'Where disks of instances and the image cache are kept.' }),
    compute_driver: option.choice(['libvirt.LibvirtDriver', 'fake.FakeDriver'], {
      default: 'libvirt.LibvirtDriver',
      help: 'The hypervisor driver of nova-compute.',
    }),
    instance_name_template: option.text({
      default: 'instance-%08x',
      help: 'Name of a guest on the hypervisor, from the row number of its instance.',
    }),
    default_availability_zone: option.text({ default: 'nova', help: 'Zone shown for compute hosts that are in no zone aggregate.' }),
    internal_service_availability_zone: option.text({ default: 'internal', help: 'Zone shown for services other than compute.' }),
    default_schedule_zone: option.optionalText({ help: 'Zone used when a user asks for none.' }),
    osapi_compute_listen: option.text({ default: '127.0.0.1', help: 'Address the Compute API listens on.' }),
    osapi_compute_listen_port: option.port({ default: 8774, help: 'Port of the Compute API.' }),
    metadata_listen: option.text({ default: '127.0.0.1', help: 'Address the metadata API listens on.' }),
    metadata_listen_port: option.port({ default: 8775, help: 'Port of the metadata API.' }),
    password_length: option.integer({ default: 12, min: 0, help: 'Length of generated administrator passwords.' }),
    reserved_host_memory_mb: option.integer({ default: 512, min: 0, help: 'Memory kept for the host itself, in MiB.' }),
    reserved_host_disk_mb: option.integer({ default: 0, min: 0, help: 'Disk kept for the host itself, in MiB.' }),
    reserved_host_cpus: option.integer({ default: 0, min: 0, help: 'Processors kept for the host itself.' }),
    cpu_allocation_ratio: option.optionalNumber({
      min: 0,
      help: 'VCPUs per processor, forced; unset leaves placement alone after the initial value.',
    }),
    ram_allocation_ratio: option.optionalNumber({ min: 0, help: 'The same for memory.' }),
    disk_allocation_ratio: option.optionalNumber({ min: 0, help: 'The same for disk.' }),
    initial_cpu_allocation_ratio: option.number({ default: 4, min: 0, help: 'VCPUs per processor of a new compute node.' }),
    initial_ram_allocation_ratio: option.number({ default: 1, min: 0, help: 'Memory overcommit of a new compute node.' }),
    initial_disk_allocation_ratio: option.number({ default: 1, min: 0, help: 'Disk overcommit of a new compute node.' }),
    report_interval: option.integer({ default: 10, min: 1, help: 'Seconds between two proofs of life of a service.' }),
    service_down_time: option.integer({
      default: 60,
      min: 1,
      help: 'Age of the last proof of life, in seconds, at which a service counts as down.',
    }),
    update_resources_interval: option.integer({
      default: 0,
      help: 'Seconds between two resource reports; 0 means 60, a negative number never.',
    }),
    sync_power_state_interval: option.integer({ default: 600, help: 'Seconds between two comparisons of power states; 0 or less never.' }),
    vif_plugging_is_fatal: option.flag({ default: true, help: 'Fail a build when the network does not report its ports ready.' }),
    vif_plugging_timeout: option.integer({ default: 300, min: 0, help: 'Seconds to wait for network-vif-plugged; 0 does not wait.' }),
    force_config_drive: option.flag({ default: false, help: 'Give every server a config drive.' }),
    max_concurrent_builds: option.integer({ default: 10, min: 0, help: 'Builds a host runs at the same time; 0 is unlimited.' }),
    config_drive_format: option.choice(['iso9660', 'vfat'], { default: 'iso9660', help: 'What a config drive is: a CD-ROM or a disk.' }),
    sync_power_state_pool_size: option.integer({ default: 5, min: 1, help: 'Guests whose power state is mended at the same time.' }),
    running_deleted_instance_action: option.choice(['reap', 'log', 'shutdown', 'noop'], {
      default: 'reap',
      help: 'What is done with guests whose server is gone.',
    }),
    running_deleted_instance_poll_interval: option.integer({
      default: 1800,
      help: 'Seconds between two searches for such guests; 0 or less never.',
    }),
    running_deleted_instance_timeout: option.integer({
      default: 0,
      min: 0,
      help: 'Seconds such a guest is left alone after it was first seen.',
    }),
    ssl_only: option.flag({ default: false, help: 'Console proxies refuse connections without TLS.' }),
    cert: option.text({ default: 'self.pem', help: 'PEM file: certificate of the console proxies; they speak TLS when it is there.' }),
    key: option.optionalText({ help: 'PEM file: private key of that certificate; unset: it is in the same file.' }),
    web: option.text({
      default: '/usr/share/spice-html5',
      help: 'Directory of the pages the SPICE proxy shows; none when it is not there.',
    }),
    instance_delete_interval: option.integer({
      default: 300,
      help: 'Seconds between two removals of expired console tokens; 0 or less never.',
    }),
    rescue_image_id: option.optionalText({
      help: 'Image servers are rescued with when none is named; unset: the one they were made from.',
    }),
    shelved_offload_time: option.integer({
      default: 0,
      min: -1,
      help: 'Seconds a shelved server stays on its host; 0 leaves it at once, -1 never.',
    }),
    shelved_poll_interval: option.integer({
      default: 3600,
      help: 'Seconds between two searches for shelved servers whose time on their host is over; 0 or less never.',
    }),
    reclaim_instance_interval: option.integer({
      default: 0,
      min: 0,
      help: 'Seconds a deleted server can still be restored, and between two searches for those whose time is over; 0 deletes at once.',
    }),
    reimage_timeout_per_gb: option.integer({
      default: 20,
      min: 1,
      help: 'Seconds the volume service may take to write an image over a volume, for each GiB of it.',
    }),
    non_inheritable_image_properties: option.list({
      default: ['cache_in_nova', 'bittorrent'],
      help: 'Properties of images that snapshots of servers do not inherit.',
    }),
    block_device_allocate_retries: option.integer({
      default: 60,
      min: 0,
      help: 'How often a server that is built looks whether a new volume is ready.',
    }),
    block_device_allocate_retries_interval: option.integer({ default: 3, min: 1, help: 'Seconds between two of those looks, at most.' }),
    max_local_block_devices: option.integer({
      default: 3,
      help: 'Disks on the host a request may name; 0 allows servers on volumes only, negative is without a limit.',
    }),
    allow_resize_to_same_host: option.flag({ default: false, help: 'Whether a server may get its new flavor on the host it is on.' }),
    resize_confirm_window: option.integer({
      default: 0,
      min: 0,
      help: 'Seconds after which a resize that nobody has confirmed or reverted is confirmed; 0 waits for ever.',
    }),
    max_concurrent_live_migrations: option.integer({
      default: 1,
      min: 0,
      help: 'Guests that leave a host while they run at the same time, the others waiting; 0 is unlimited.',
    }),
    max_concurrent_snapshots: option.integer({ default: 5, min: 0, help: 'Disks a host copies at the same time; 0 is unlimited.' }),
    instance_usage_audit: option.flag({ default: false, help: 'Audit, period by period, what the servers of each host used.' }),
    instance_usage_audit_period: option.text({
      default: 'month',
      help: 'Period of these audits: hour, day, month or year, and when it begins: day@18 at 18:00, month@15 on the 15th, year@3 in March.',
    }),
    shutdown_timeout: option.integer({ default: 60, min: 0, help: 'Seconds a guest is given to shut down by itself.' }),
    enable_new_services: option.flag({ default: true, help: 'Whether a new compute service may be scheduled to at once.' }),
    force_raw_images: option.flag({
      default: false,
      help: 'Convert cached images to raw. (Nova: True; qcow2 is kept here because every image is inspected.)',
    }),
  },
  api: {
    max_limit: option.integer({ default: 1000, min: 0, help: 'Most items one page of a list holds.' }),
    compute_link_prefix: option.optionalText({ help: 'Begins links to the Compute API when it stands behind a proxy.' }),
    metadata_cache_expiration: option.integer({
      default: 15,
      min: 0,
      help: 'Seconds metadata of a server is kept before it is read again.',
    }),
    enable_instance_password: option.flag({ default: true, help: 'Show generated administrator passwords in answers.' }),
    dhcp_domain: option.text({ default: 'novalocal', help: 'Appended to host names in metadata.' }),
    vendordata_jsonfile_path: option.optionalText({ help: 'JSON file shown to guests as vendor_data.json.' }),
    vendordata_providers: option.list({
      default: ['StaticJSON'],
      help: 'Where vendor data comes from: StaticJSON, the file; DynamicJSON, services that are asked for each guest.',
    }),
    vendordata_dynamic_targets: option.list({
      default: [],
      help: 'Services that are asked what a guest is to know, as name@url; it stands under the name in vendor_data2.json.',
    }),
    vendordata_dynamic_ssl_certfile: option.optionalText({ help: 'File of certificates that those of these services are judged by.' }),
    vendordata_dynamic_connect_timeout: option.integer({ default: 5, min: 3, help: 'Seconds a connection to such a service may take.' }),
    vendordata_dynamic_read_timeout: option.integer({ default: 5, min: 0, help: 'Seconds such a service may keep silent.' }),
    vendordata_dynamic_failure_fatal: option.flag({
      default: false,
      help: 'Refuse guests their vendor data when such a service fails, rather than leave its part out.',
    }),
  },
  database: {
    connection: option.secret({
      default: '',
      help: 'postgresql:// URL of the server that holds all databases; empty: a private server in state_path.',
    }),
  },
  api_database: {
    connection: option.secret({ default: '', help: 'postgresql:// URL of the server that holds the API database; empty: the same.' }),
  },
  quota: {
    instances: option.integer({ default: 10, min: -1, help: 'Servers a project may have; -1 is unlimited.' }),
    cores: option.integer({ default: 20, min: -1, help: 'Virtual processors a project may have.' }),
    ram: option.integer({ default: 51200, min: -1, help: 'Memory a project may have, in MiB.' }),
    metadata_items: option.integer({ default: 128, min: -1, help: 'Metadata items of a server.' }),
    injected_files: option.integer({ default: 5, min: -1, help: 'Injected files of a server.' }),
    injected_file_content_bytes: option.integer({ default: 10240, min: -1, help: 'Bytes of one injected file.' }),
    injected_file_path_length: option.integer({ default: 255, min: -1, help: 'Length of the path of an injected file.' }),
    key_pairs: option.integer({ default: 100, min: -1, help: 'Key pairs a user may have.' }),
    server_groups: option.integer({ default: 10, min: -1, help: 'Server groups a project may have.' }),
    server_group_members: option.integer({ default: 10, min: -1, help: 'Servers in a group.' }),
    recheck_quota: option.flag({
      default: true,
      help: 'Count again after a create, so that two creates at once cannot both slip under a limit.',
    }),
    driver: option.choice(['nova.quota.DbQuotaDriver', 'nova.quota.UnifiedLimitsDriver', 'nova.quota.NoopQuotaDriver'], {
      default: 'nova.quota.DbQuotaDriver',
      help: 'Where limits come from: from compute itself, from the identity service (unified limits), or from nowhere, which limits nothing.',
    }),
    unified_limits_resource_strategy: option.choice(['require', 'ignore'], {
      default: 'require',
      help: 'What unified_limits_resource_list names: resources of which nothing may be had without a registered limit, or the only ones that are unlimited without one.',
    }),
    unified_limits_resource_list: option.list({
      default: ['servers'],
      help: 'Resources of unified limits by their names in the identity service, such as servers and class:VCPU.',
    }),
  },
  oslo_limit: {
    endpoint_id: option.text({
      default: '',
      help: 'Id of the endpoint of the Compute API, whose service and region limits are registered for; the service of type compute when it is empty.',
    }),
  },
  scheduler: {
    max_attempts: option.integer({ default: 3, min: 1, help: 'Hosts tried for one build.' }),
    max_placement_results: option.integer({ default: 1000, min: 1, help: 'Candidates asked of placement.' }),
    limit_tenants_to_placement_aggregate: option.flag({
      default: false,
      help: 'Keep a project to the aggregates whose metadata filter_tenant_id… names it.',
    }),
    placement_aggregate_required_for_tenants: option.flag({ default: false, help: 'Refuse projects that no such aggregate names.' }),
    query_placement_for_image_type_support: option.flag({
      default: false,
      help: 'Ask for hosts that can read the disk format of the image.',
    }),
    enable_isolated_aggregate_filtering: option.flag({
      default: false,
      help: 'Keep servers out of aggregates whose metadata trait:… = required asks for traits they do not.',
    }),
    image_metadata_prefilter: option.flag({
      default: false,
      help: 'Ask for hosts with the devices that the properties of the image name.',
    }),
    query_placement_for_routed_network_aggregates: option.flag({
      default: false,
      help: 'Keep servers to hosts that reach the segments of their routed networks.',
    }),
  },
  filter_scheduler: {
    enabled_filters: option.list({
      default: [
        'ComputeFilter',
        'AvailabilityZoneFilter',
        'ComputeCapabilitiesFilter',
        'ImagePropertiesFilter',
        'ServerGroupAntiAffinityFilter',
        'ServerGroupAffinityFilter',
      ],
      help: 'Filters every host must pass, in this order.',
    }),
    host_subset_size: option.integer({ default: 1, min: 1, help: 'How many of the best hosts one is drawn from.' }),
    ram_weight_multiplier: option.number({ default: 1, help: 'Weight of free memory; negative stacks.' }),
    cpu_weight_multiplier: option.number({ default: 1, help: 'Weight of free processors; negative stacks.' }),
    disk_weight_multiplier: option.number({ default: 1, help: 'Weight of free disk; negative stacks.' }),
    soft_affinity_weight_multiplier: option.number({ default: 1, min: 0, help: 'Weight of the soft-affinity policy.' }),
    soft_anti_affinity_weight_multiplier: option.number({ default: 1, min: 0, help: 'Weight of the soft-anti-affinity policy.' }),
    image_properties_default_architecture: option.optionalText({ help: 'Architecture assumed of images that name none.' }),
    available_filters: option.lines({
      help: 'Filters that enabled_filters may name, by class path; none given: all (nova.scheduler.filters.all_filters).',
    }),
    weight_classes: option.list({
      default: ['nova.scheduler.weights.all_weighers'],
      help: 'Weighers that are asked, by class path.',
    }),
    shuffle_best_same_weighed_hosts: option.flag({ default: false, help: 'Draw among hosts of the same, highest weight.' }),
    max_io_ops_per_host: option.integer({ default: 8, help: 'Operations under way at which IoOpsFilter refuses a host.' }),
    max_instances_per_host: option.integer({ default: 50, min: 1, help: 'Servers at which NumInstancesFilter refuses a host.' }),
    isolated_images: option.list({ default: [], help: 'Images that IsolatedHostsFilter keeps to isolated_hosts.' }),
    isolated_hosts: option.list({ default: [], help: 'Hosts for isolated_images.' }),
    restrict_isolated_hosts_to_isolated_images: option.flag({ default: true, help: 'Keep other images off isolated_hosts.' }),
    aggregate_image_properties_isolation_namespace: option.optionalText({
      help: 'Beginning of the aggregate keys AggregateImagePropertiesIsolation looks at; unset: all.',
    }),
    aggregate_image_properties_isolation_separator: option.text({
      default: '.',
      help: 'What stands between that beginning and the property.',
    }),
    pci_in_placement: option.flag({
      default: false,
      help: 'Ask placement for PCI devices; set after [pci] report_in_placement on every host.',
    }),
    io_ops_weight_multiplier: option.number({ default: -1, help: 'Weight of operations under way; negative avoids busy hosts.' }),
    pci_weight_multiplier: option.number({ default: 1, min: 0, help: 'Weight of free PCI devices: the fewer are left over, the better.' }),
    build_failure_weight_multiplier: option.number({
      default: 1_000_000,
      help: 'Weight of builds that failed of late, which count against a host.',
    }),
    cross_cell_move_weight_multiplier: option.number({
      default: 1_000_000,
      help: 'Weight of staying in the same cell; negative prefers another.',
    }),
    hypervisor_version_weight_multiplier: option.number({
      default: 1,
      help: 'Weight of the version of the hypervisor; negative prefers old ones.',
    }),
    num_instances_weight_multiplier: option.number({
      default: 0,
      help: 'Weight of the number of servers; negative spreads, positive packs.',
    }),
    image_props_weight_multiplier: option.number({ default: 0, help: 'Weight of servers with the same image properties.' }),
    image_props_weight_setting: option.list({ default: [], help: 'property=factor of image properties that count; none: all, once.' }),
  },
  metrics: {
    weight_multiplier: option.number({ default: 1, help: 'Weight of what MetricsWeigher adds up.' }),
    weight_setting: option.list({ default: [], help: 'metric=factor of metrics that hosts report, such as cpu.percent=-1.0.' }),
    required: option.flag({ default: true, help: 'Whether a host without one of these metrics is an error rather than bad.' }),
    weight_of_unavailable: option.number({
      default: -10_000,
      help: 'What a host without one of these metrics weighs, where they are not required.',
    }),
  },
  pci: {
    alias: option.lines({ help: 'A name for PCI devices that flavors ask for, as JSON.' }),
    device_spec: option.lines({ help: 'PCI devices of this host that guests may have, as JSON.' }),
    report_in_placement: option.flag({ default: false, help: 'Report PCI devices to placement; cannot be taken back.' }),
  },
  workarounds: {
    disable_fallback_pcpu_query: option.flag({
      default: false,
      help: 'Do not ask for VCPU where PCPU is not to be had, as hosts that were never given cpu_dedicated_set need it.',
    }),
  },
  image_cache: {
    manager_interval: option.integer({
      default: 2400,
      min: -1,
      help: 'Seconds between two cleanings of the image cache; 0 is every minute, -1 never.',
    }),
    precache_concurrency: option.integer({ default: 1, min: 1, help: 'Hosts of an aggregate that fetch an image at the same time.' }),
    subdirectory_name: option.text({ default: '_base', help: 'Directory of the image cache, under instances_path.' }),
    remove_unused_base_images: option.flag({ default: true, help: 'Remove cached images that no guest uses.' }),
    remove_unused_original_minimum_age_seconds: option.integer({
      default: 86400,
      min: 0,
      help: 'Seconds a cached image must have been unused before it is removed.',
    }),
  },
  libvirt: {
    connection_uri: option.text({ default: '', help: 'libvirt URI; empty: chosen by virt_type (qemu:///system).' }),
    virt_type: option.choice(['auto', 'kvm', 'qemu', 'lxc'], {
      default: 'auto',
      help: 'Hypervisor type; auto takes kvm where a guest really runs under it, else qemu.',
    }),
    images_type: option.choice(['default', 'qcow2', 'raw'], { default: 'default', help: 'Format of disks of instances.' }),
    cpu_mode: option.choice(['', 'host-model', 'host-passthrough', 'custom', 'none', 'maximum'], {
      default: '',
      help: 'How the processor of a guest is chosen; empty: host-model under kvm, none under qemu.',
    }),
    cpu_models: option.list({ default: [], help: 'Named processor models, for cpu_mode = custom.' }),
    disk_cachemodes: option.list({ default: [], help: 'Cache modes by disk type, such as file=writeback.' }),
    num_pcie_ports: option.integer({ default: 0, min: 0, max: 28, help: 'PCIe ports of q35 guests; 0 is the default of libvirt.' }),
    hw_machine_type: option.list({ default: [], help: 'Machine types by architecture, such as x86_64=q35.' }),
    snapshot_image_format: option.optionalChoice(['raw', 'qcow2'], {
      help: 'Format of the images of snapshots; unset: that of the disks of guests.',
    }),
    snapshot_compression: option.flag({ default: false, help: 'Compress snapshots in format qcow2.' }),
    hw_disk_discard: option.choice(['', 'ignore', 'unmap'], {
      default: '',
      help: 'Discard mode of disks; empty is the default of the hypervisor.',
    }),
    rng_dev_path: option.text({ default: '/dev/urandom', help: 'Source of the random numbers of guests.' }),
    mem_stats_period_seconds: option.integer({
      default: 10,
      help: 'Seconds between two readings of the memory statistics of a guest; 0 or less turns them off.',
    }),
    images_cpu_time_limit: option.integer({ default: 30, min: 1, help: 'Processor seconds qemu-img may use to look at an image.' }),
    images_address_space_limit: option.integer({ default: 2, min: 1, help: 'GiB of memory qemu-img may use.' }),
    wait_soft_reboot_seconds: option.integer({
      default: 120,
      min: 0,
      help: 'Seconds a soft reboot may take before it becomes a hard one.',
    }),
    live_migration_monitor_interval: option.integer({
      default: 5,
      min: 1,
      help: 'Seconds between two looks at how far a live migration is.',
    }),
    device_detach_attempts: option.integer({ default: 8, min: 1, help: 'How often a guest is asked to let go of a device.' }),
    device_detach_timeout: option.integer({ default: 20, min: 1, help: 'Seconds it has for each.' }),
  },
  vnc: {
    enabled: option.flag({ default: true, help: 'Give guests a screen that can be seen over VNC.' }),
    server_listen: option.text({ default: '127.0.0.1', help: 'Address the screens of guests listen on.' }),
    server_proxyclient_address: option.text({ default: '127.0.0.1', help: 'Address under which the console proxy reaches them.' }),
    novncproxy_base_url: option.text({
      default: 'http://127.0.0.1:6080/vnc_auto.html',
      help: 'Page of the noVNC proxy as browsers of users reach it.',
    }),
    novncproxy_host: option.text({ default: '127.0.0.1', help: 'Address the noVNC proxy listens on. (Nova: 0.0.0.0.)' }),
    novncproxy_port: option.port({ default: 6080, help: 'Port of the noVNC proxy.' }),
    auth_schemes: option.list({
      default: ['none'],
      help: 'How the noVNC proxy may prove itself to guests’ screens, best first: vencrypt (TLS with client certificates), none.',
    }),
    vencrypt_client_key: option.optionalText({ help: 'PEM file: private key of the proxy for vencrypt.' }),
    vencrypt_client_cert: option.optionalText({ help: 'PEM file: certificate of the proxy for vencrypt.' }),
    vencrypt_ca_certs: option.optionalText({ help: 'PEM file: authorities that vouch for hosts; needed for vencrypt.' }),
  },
  spice: {
    enabled: option.flag({ default: false, help: 'Give guests a screen that can be seen over SPICE.' }),
    agent_enabled: option.flag({ default: true, help: 'Give guests a channel for the SPICE agent.' }),
    image_compression: option.optionalChoice(['auto_glz', 'auto_lz', 'quic', 'glz', 'lz', 'off'], { help: 'How images are compressed.' }),
    jpeg_compression: option.optionalChoice(['auto', 'never', 'always'], { help: 'Whether images are sent as JPEG.' }),
    zlib_compression: option.optionalChoice(['auto', 'never', 'always'], { help: 'Whether images are compressed with zlib.' }),
    playback_compression: option.optionalChoice(['on', 'off'], { help: 'Whether sound is compressed. (Nova: True or False.)' }),
    streaming_mode: option.optionalChoice(['filter', 'all', 'off'], { help: 'Which videos are found and streamed.' }),
    html5proxy_base_url: option.text({
      default: 'http://127.0.0.1:6082/spice_auto.html',
      help: 'Page of the SPICE proxy as browsers of users reach it.',
    }),
    spice_direct_proxy_base_url: option.text({
      default: 'http://127.0.0.1:13002/nova',
      help: 'Where native SPICE clients ask for a console; a proxy that is not ours answers there.',
    }),
    server_listen: option.text({ default: '127.0.0.1', help: 'Address the screens of guests listen on.' }),
    server_proxyclient_address: option.text({ default: '127.0.0.1', help: 'Address under which the console proxy reaches them.' }),
    require_secure: option.flag({ default: false, help: 'Take TLS connections only, on every channel.' }),
    html5proxy_host: option.text({ default: '127.0.0.1', help: 'Address the SPICE proxy listens on. (Nova: 0.0.0.0.)' }),
    html5proxy_port: option.port({ default: 6082, help: 'Port of the SPICE proxy.' }),
  },
  serial_console: {
    enabled: option.flag({ default: false, help: 'Let users type into the first serial port of guests.' }),
    port_range: option.text({ default: '10000:20000', help: 'Ports that serial ports of guests may listen on, as first:end.' }),
    base_url: option.text({ default: 'ws://127.0.0.1:6083/', help: 'The serial proxy as users reach it.' }),
    proxyclient_address: option.text({
      default: '127.0.0.1',
      help: 'Address serial ports of guests listen on, and under which the console proxy reaches them.',
    }),
    serialproxy_host: option.text({ default: '127.0.0.1', help: 'Address the serial proxy listens on. (Nova: 0.0.0.0.)' }),
    serialproxy_port: option.port({ default: 6083, help: 'Port of the serial proxy.' }),
  },
  mks: {
    enabled: option.flag({ default: false, help: 'Offer consoles of type webmks, which only VMware has: asking for one is answered 501.' }),
  },
  console: {
    allowed_origins: option.list({ default: [], help: 'Host names, besides a proxy’s own, whose pages may open consoles.' }),
    ssl_ciphers: option.optionalText({ help: 'Ciphers of the proxies, as OpenSSL writes them.' }),
    ssl_minimum_version: option.choice(['default', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3'], {
      default: 'default',
      help: 'Oldest TLS version the proxies speak.',
    }),
  },
  consoleauth: {
    token_ttl: option.integer({
      default: 600,
      min: 0,
      max: 315_360_000,
      help: 'Seconds in which a console may be opened after it was asked for.',
    }),
    enforce_session_timeout: option.flag({ default: false, help: 'Close consoles when that time is over, too.' }),
  },
  neutron: {
    service_metadata_proxy: option.flag({ default: false, help: 'Trust the signed headers of the metadata proxy.' }),
    metadata_proxy_shared_secret: option.secret({ default: '', help: 'Key of those signatures.' }),
    region_name: option.optionalText({ help: 'Region of the network service in the catalog.' }),
  },
  glance: {
    num_retries: option.integer({ default: 3, min: 0, help: 'Further tries of a download.' }),
  },
  compute: {
    cpu_shared_set: option.optionalText({ help: 'Processors for vCPUs that float, such as 0-3,^2; unset: all.' }),
    cpu_dedicated_set: option.optionalText({ help: 'Processors that guests with dedicated vCPUs may have.' }),
    packing_host_numa_cells_allocation_strategy: option.flag({
      default: false,
      help: 'Fill NUMA nodes one after the other rather than evenly.',
    }),
    max_disk_devices_to_attach: option.integer({ default: -1, min: -1, help: 'Disks a server may have; -1 is without a limit.' }),
    provider_config_location: option.text({
      default: '/etc/nova/provider_config',
      help: 'Directory of YAML files with inventories and traits that nova-compute adds to its resource providers.',
    }),
  },
  cinder: {
    cross_az_attach: option.flag({ default: true, help: 'Whether servers may use volumes of other availability zones.' }),
  },
  placement: {
    randomize_allocation_candidates: option.flag({
      default: false,
      help: 'Answer allocation candidates in another order each time, so that a limited answer names other hosts.',
    }),
  },
  cors: {
    allowed_origin: option.list({ default: [], help: 'Origins whose pages may ask the placement service; `*` is any.' }),
    allow_credentials: option.flag({ default: true, help: 'Whether those pages may send credentials.' }),
    expose_headers: option.list({ default: [], help: 'Headers of answers that those pages may read.' }),
    allow_headers: option.list({ default: [], help: 'Headers that those pages may send.' }),
    allow_methods: option.list({
      default: ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'PATCH'],
      help: 'Methods that those pages may use.',
    }),
    max_age: option.integer({ default: 3600, min: 0, help: 'Seconds for which a browser may keep the answer to its question.' }),
  },
  keystone_authtoken: {
    auth_url: option.text({ default: 'http://127.0.0.1:5000/v3', help: 'The identity service.' }),
    www_authenticate_uri: option.text({ default: '', help: 'What 401 answers name; empty: auth_url.' }),
    username: option.text({ default: 'nova', help: 'Name of the service user.' }),
    password: option.secret({ default: '', help: 'Password of the service user.' }),
    project_name: option.text({ default: 'service', help: 'Project of the service user.' }),
    user_domain_name: option.text({ default: 'Default', help: 'Domain of the service user.' }),
    project_domain_name: option.text({ default: 'Default', help: 'Domain of its project.' }),
    region_name: option.text({ default: 'RegionOne', help: 'Region whose endpoints are used.' }),
  },
  oslo_policy: {
    policy_file: option.text({ default: 'policy.yaml', help: 'Rules that replace the default ones; relative to this file.' }),
  },
  kilonova: {
    listen: option.text({
      default: '127.0.0.1',
      help: 'Address the embedded identity, image, network, placement and volume services listen on.',
    }),
    cloud_id: option.text({
      default: 'kilonova',
      help: 'Marks guests, bridges and namespaces of this cloud on a host that several share.',
    }),
    identity_port: option.port({ default: 5000, help: 'Port of the embedded identity service.' }),
    image_port: option.port({ default: 9292, help: 'Port of the embedded image service.' }),
    network_port: option.port({ default: 9696, help: 'Port of the embedded network service.' }),
    volume_port: option.port({ default: 8776, help: 'Port of the embedded volume service.' }),
    volume_backend: option.choice(['auto', 'qemu', 'fake'], {
      default: 'auto',
      help: 'Where volumes lie: qcow2 files of this host (qemu), nowhere (fake), or as the hypervisor driver is (auto).',
    }),
    volume_nbd_listen: option.text({
      default: '',
      help: 'Address under which guests of other hosts reach volumes (NBD); empty serves guests of this host, through unix sockets.',
    }),
    volume_nbd_tls_directory: option.text({
      default: '',
      help: 'Directory with ca-cert.pem, server-cert.pem and server-key.pem for volume_nbd_listen: clients must then show a certificate of that CA.',
    }),
    placement_port: option.port({ default: 8778, help: 'Port of the embedded placement service.' }),
    decisions_kept_hours: option.integer({
      default: 168,
      min: 1,
      help: 'How long decisions of the scheduler are kept for `inspect decision`.',
    }),
    fake_numa_nodes: option.integer({
      default: 0,
      min: 0,
      max: 16,
      help: 'NUMA nodes each fake host says it has, of 8 cores with two threads and 16 GiB; 0 says none.',
    }),
    fake_pci_devices: option.integer({ default: 0, min: 0, max: 64, help: 'PCI devices 10de:1db4 on each NUMA node of a fake host.' }),
    fake_hosts: option.integer({ default: 1, min: 1, max: 100000, help: 'Compute hosts the fake driver pretends to be.' }),
    network_data_plane: option.choice(['linux-bridge', 'none'], {
      default: 'linux-bridge',
      help: 'What the network agent does on this host; none binds ports without plugging them.',
    }),
    private_cidr: option.text({ default: '10.20.0.0/24', help: 'Network of servers that `up` makes.' }),
    external_cidr: option.text({ default: '172.24.4.0/24', help: 'Network of the floating IPs that `up` makes.' }),
  },
};
