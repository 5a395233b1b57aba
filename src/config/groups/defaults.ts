import { hostname } from 'node:os';
import { option } from '../option.ts';

/** What Nova keeps in no group: the host itself, its services, and the rules of servers. */
export const defaults = {
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
  default_ephemeral_format: option.optionalChoice(['ext4', 'xfs', 'vfat'], {
    help: 'File system of ephemeral disks; without it ext4 for Linux (os_type of the image), vfat for others.',
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
};
