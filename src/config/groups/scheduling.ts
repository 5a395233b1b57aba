import { option } from '../option.ts';

/** Where servers go. */
export const scheduler = {
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
};

export const filterScheduler = {
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
};

export const metrics = {
  weight_multiplier: option.number({ default: 1, help: 'Weight of what MetricsWeigher adds up.' }),
  weight_setting: option.list({ default: [], help: 'metric=factor of metrics that hosts report, such as cpu.percent=-1.0.' }),
  required: option.flag({ default: true, help: 'Whether a host without one of these metrics is an error rather than bad.' }),
  weight_of_unavailable: option.number({
    default: -10_000,
    help: 'What a host without one of these metrics weighs, where they are not required.',
  }),
};

export const pci = {
  alias: option.lines({ help: 'A name for PCI devices that flavors ask for, as JSON.' }),
  device_spec: option.lines({ help: 'PCI devices of this host that guests may have, as JSON.' }),
  report_in_placement: option.flag({ default: false, help: 'Report PCI devices to placement; cannot be taken back.' }),
};

export const workarounds = {
  disable_fallback_pcpu_query: option.flag({
    default: false,
    help: 'Do not ask for VCPU where PCPU is not to be had, as hosts that were never given cpu_dedicated_set need it.',
  }),
};

export const placement = {
  randomize_allocation_candidates: option.flag({
    default: false,
    help: 'Answer allocation candidates in another order each time, so that a limited answer names other hosts.',
  }),
};
