import { option } from '../option.ts';

/** How a host runs guests. */
export const compute = {
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
};

export const libvirt = {
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
};

export const imageCache = {
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
};
