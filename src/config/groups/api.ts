import { option } from '../option.ts';

/** What the Compute API answers, whom it lets do what, and how much. */
export const api = {
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
};

export const quota = {
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
};

export const osloLimit = {
  endpoint_id: option.text({
    default: '',
    help: 'Id of the endpoint of the Compute API, whose service and region limits are registered for; the service of type compute when it is empty.',
  }),
};

export const osloPolicy = {
  policy_file: option.text({ default: 'policy.yaml', help: 'Rules that replace the default ones; relative to this file.' }),
};

export const cors = {
  allowed_origin: option.list({ default: [], help: 'Origins whose pages may ask the placement service; `*` is any.' }),
  allow_credentials: option.flag({ default: true, help: 'Whether those pages may send credentials.' }),
  expose_headers: option.list({ default: [], help: 'Headers of answers that those pages may read.' }),
  allow_headers: option.list({ default: [], help: 'Headers that those pages may send.' }),
  allow_methods: option.list({
    default: ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'PATCH'],
    help: 'Methods that those pages may use.',
  }),
  max_age: option.integer({ default: 3600, min: 0, help: 'Seconds for which a browser may keep the answer to its question.' }),
};
