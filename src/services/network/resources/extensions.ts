import { route } from '../deps.ts';
import { extensionNotFound } from '../neutron-errors.ts';

/** What this service can do beyond Neutron's core, by Neutron's aliases. */
const extensions: Readonly<Record<string, { readonly name: string; readonly description: string }>> = {
  agent: { name: 'agent', description: 'The agent management extension.' },
  'allowed-address-pairs': { name: 'Allowed Address Pairs', description: 'Provides allowed address pairs' },
  'auto-allocated-topology': {
    name: 'Auto Allocated Topology Services',
    description: 'Gives a project a network with a way out that it need not make itself.',
  },
  availability_zone: { name: 'Availability Zone', description: 'The availability zone extension.' },
  network_availability_zone: { name: 'Network Availability Zone', description: 'Availability zone support for network.' },
  router_availability_zone: { name: 'Router Availability Zone', description: 'Availability zone support for router.' },
  binding: { name: 'Port Binding', description: 'Expose port bindings of a virtual port to external application' },
  'binding-extended': { name: 'Port Bindings Extended', description: 'Expose port bindings of a virtual port to external application' },
  'dns-integration': { name: 'DNS Integration', description: 'Provides integration with DNS.' },
  'empty-string-filtering': {
    name: 'Empty String Filtering Extension',
    description: 'Allow filtering by attributes with empty string value',
  },
  'ext-gw-mode': {
    name: 'Neutron L3 Configurable external gateway mode',
    description: 'Extension of the router abstraction for specifying whether SNAT should occur on the external gateway',
  },
  'external-net': { name: 'Neutron external network', description: 'Adds external network attribute to network resource.' },
  extra_dhcp_opt: { name: 'Neutron Extra DHCP options', description: 'Extra options configuration for DHCP.' },
  extraroute: { name: 'Neutron Extra Route', description: 'Extra routes configuration for L3 router' },
  'extraroute-atomic': {
    name: 'Atomically add/remove extra routes',
    description: 'Edit extra routes of a router on server side by atomically adding/removing extra routes',
  },
  'filter-validation': { name: 'Filter parameters validation', description: 'Provides validation on filter parameters.' },
  'fip-port-details': { name: 'Floating IP Port Details Extension', description: 'Add port_details attribute to Floating IP resource' },
  'ip-substring-filtering': {
    name: 'IP address substring filtering',
    description: 'Provides IP address substring filtering when listing ports',
  },
  'net-mtu': { name: 'Network MTU', description: 'Provides MTU attribute for a network resource.' },
  'net-mtu-writable': { name: 'Network MTU (writable)', description: 'Provides a writable MTU attribute for a network resource.' },
  'network-ip-availability': { name: 'Network IP Availability', description: 'Provides IP availability data for each network and subnet.' },
  pagination: { name: 'Pagination support', description: 'Extension that indicates that pagination is enabled.' },
  'port-security': { name: 'Port Security', description: 'Provides port security' },
  'project-id': { name: 'project_id field enabled', description: 'Extension that indicates that project_id field is enabled.' },
  provider: { name: 'Provider Network', description: 'Expose mapping of virtual networks to physical networks' },
  quota_details: { name: 'Quota details management support', description: 'Expose functions for quotas usage statistics per project' },
  quotas: { name: 'Quota management support', description: 'Expose functions for quotas management per project' },
  'rbac-policies': {
    name: 'RBAC Policies',
    description: 'Allows creation and modification of policies that control tenant access to resources.',
  },
  'revision-if-match': {
    name: 'If-Match constraints based on revision_number',
    description: 'Extension indicating that If-Match based on revision_number is supported.',
  },
  router: {
    name: 'Neutron L3 Router',
    description:
      'Router abstraction for basic L3 forwarding between L2 Neutron networks and access to external networks via a NAT gateway.',
  },
  'security-group': { name: 'security-group', description: 'The security groups extension.' },
  'service-type': {
    name: 'Neutron Service Type Management',
    description: 'API for retrieving service providers for Neutron advanced services',
  },
  sorting: { name: 'Sorting support', description: 'Extension that indicates that sorting is enabled.' },
  'standard-attr-description': { name: 'standard-attr-description', description: 'Extension to add descriptions to standard attributes' },
  'standard-attr-revisions': {
    name: 'Resource revision numbers',
    description: 'This extension will display the revision number of neutron resources.',
  },
  'standard-attr-tag': {
    name: 'Tag support for resources with standard attribute',
    description: 'Enables to set tag on resources with standard attribute.',
  },
  'standard-attr-timestamp': {
    name: 'Resource timestamps',
    description: 'Adds created_at and updated_at fields to all Neutron resources that have Neutron standard attributes.',
  },
  'stateful-security-group': { name: 'Stateful security group', description: 'Indicates if the security group is stateful or not' },
  'tag-ports-during-bulk-creation': { name: 'Tag Ports During Bulk Creation', description: 'Allow to tag ports during bulk creation' },
};

const shown = (alias: string): Record<string, unknown> | null => {
  const known = Object.hasOwn(extensions, alias) ? extensions[alias] : undefined;
  return known === undefined ? null : { alias, ...known, updated: '2026-11-20T00:00:00-00:00', links: [] };
};

/** What clients look for before they use it. */
export const extensionRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/extensions',
    summary: 'List extensions',
    policy: 'authenticated',
    reply: { status: 200, key: 'extensions' },
    handle: () => Object.keys(extensions).map((alias) => shown(alias)),
  }),
  route({
    method: 'GET',
    path: '/v2.0/extensions/:alias',
    summary: 'Show an extension',
    policy: 'authenticated',
    reply: { status: 200, key: 'extension' },
    handle({ params }) {
      const extension = shown(params.alias);
      if (extension === null) throw extensionNotFound(params.alias.slice(0, 100));
      return extension;
    },
  }),
];
