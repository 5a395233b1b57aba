import type { PolicyRule } from '../../lib/policy/policy.ts';

const adminOrService = (description: string): PolicyRule => ({ check: 'rule:admin_or_service_api', description });

/** The rules of placement, with the names and defaults of its policy file. */
export const policyRules = {
  admin_api: { check: 'role:admin', description: 'Administrators.' },
  service_api: { check: 'role:service', description: 'Other services.' },
  admin_or_service_api: { check: 'role:admin or role:service', description: 'Most of the API.' },
  project_reader_api: { check: 'role:reader and project_id:%(project_id)s', description: 'Readers of the project that is asked about.' },
  admin_or_project_reader_or_service_api: {
    check: 'role:admin or rule:project_reader_api or role:service',
    description: 'What a project may know of itself.',
  },
  'placement:resource_providers:list': adminOrService('List resource providers.'),
  'placement:resource_providers:create': adminOrService('Create a resource provider.'),
  'placement:resource_providers:show': adminOrService('Show a resource provider.'),
  'placement:resource_providers:update': adminOrService('Rename a resource provider or move it in its tree.'),
  'placement:resource_providers:delete': adminOrService('Delete a resource provider.'),
  'placement:resource_providers:inventories:list': adminOrService('List the inventories of a provider.'),
  'placement:resource_providers:inventories:create': adminOrService('Give a provider one more inventory.'),
  'placement:resource_providers:inventories:show': adminOrService('Show one inventory of a provider.'),
  'placement:resource_providers:inventories:update': adminOrService('Replace one inventory or all of a provider.'),
  'placement:resource_providers:inventories:delete': adminOrService('Delete one inventory or all of a provider.'),
  'placement:resource_providers:aggregates:list': adminOrService('List the aggregates of a provider.'),
  'placement:resource_providers:aggregates:update': adminOrService('Replace the aggregates of a provider.'),
  'placement:resource_providers:traits:list': adminOrService('List the traits of a provider.'),
  'placement:resource_providers:traits:update': adminOrService('Replace the traits of a provider.'),
  'placement:resource_providers:traits:delete': adminOrService('Take all traits from a provider.'),
  'placement:resource_providers:usages': adminOrService('Show what is used of a provider.'),
  'placement:resource_providers:allocations:list': adminOrService('List who uses a provider.'),
  'placement:resource_classes:list': adminOrService('List resource classes.'),
  'placement:resource_classes:create': adminOrService('Create a custom resource class.'),
  'placement:resource_classes:show': adminOrService('Show a resource class.'),
  'placement:resource_classes:update': adminOrService('Create or rename a custom resource class.'),
  'placement:resource_classes:delete': adminOrService('Delete a custom resource class.'),
  'placement:traits:list': adminOrService('List traits.'),
  'placement:traits:show': adminOrService('Show a trait.'),
  'placement:traits:update': adminOrService('Create a custom trait.'),
  'placement:traits:delete': adminOrService('Delete a custom trait.'),
  'placement:allocations:manage': adminOrService('Set the allocations of several consumers at once.'),
  'placement:allocations:list': adminOrService('List the allocations of a consumer.'),
  'placement:allocations:update': adminOrService('Set the allocations of a consumer.'),
  'placement:allocations:delete': adminOrService('Delete the allocations of a consumer.'),
  'placement:allocation_candidates:list': adminOrService('List allocation candidates.'),
  'placement:reshaper:reshape': {
    check: 'rule:service_api',
    description: 'Move inventories and their allocations between providers at once.',
  },
  'placement:usages': { check: 'rule:admin_or_project_reader_or_service_api', description: 'Show what a project uses.' },
  'placement:kilonova:provider_changes': adminOrService('Follow all changes of providers.'),
} as const satisfies Record<string, PolicyRule>;

export type PlacementRule = keyof typeof policyRules;
