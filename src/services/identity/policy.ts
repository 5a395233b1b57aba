import { createPolicy, type Policy, type PolicyRule } from '../../lib/policy/policy.ts';

const admin = 'role:admin';
const reader = 'role:admin or (role:reader and system_scope:all)';
/** Also readers of the domain the thing belongs to, with a token for that domain. */
const domainReader = `${reader} or (role:reader and domain_id:%(domain_id)s)`;
/** Also managers of the domain the thing belongs to. */
const domainManager = 'role:admin or (role:manager and domain_id:%(domain_id)s)';
/** Managers of a domain give roles within it, and only these. */
const domainGranter =
  'role:admin or (role:manager and domain_id:%(domain_id)s and domain_id:%(actor_domain_id)s and (manager:%(role_name)s or member:%(role_name)s or reader:%(role_name)s))';
const owner = 'user_id:%(user_id)s';
const serviceOrAdmin = 'role:admin or role:service';

const rule = (check: string, description: string): PolicyRule => ({ check, description });

/** The five rules of a collection. */
const collection = <const One extends string, const Many extends string>(
  one: One,
  many: Many,
  checks: { readonly list: string; readonly read: string; readonly write: string },
): Record<
  `identity:list_${Many}` | `identity:get_${One}` | `identity:create_${One}` | `identity:update_${One}` | `identity:delete_${One}`,
  PolicyRule
> => {
  const words = one.replaceAll('_', ' ');
  return {
    [`identity:list_${many}`]: rule(checks.list, `List ${many.replaceAll('_', ' ')}.`),
    [`identity:get_${one}`]: rule(checks.read, `Show a ${words}.`),
    [`identity:create_${one}`]: rule(checks.write, `Create a ${words}.`),
    [`identity:update_${one}`]: rule(checks.write, `Update a ${words}.`),
    [`identity:delete_${one}`]: rule(checks.write, `Delete a ${words}.`),
  } as ReturnType<typeof collection<One, Many>>;
};

/** Rules of the identity service, under Keystone's names. */
export const identityRules = {
  ...collection('user', 'users', { list: domainReader, read: `${domainReader} or ${owner}`, write: domainManager }),
  ...collection('project', 'projects', {
    list: domainReader,
    read: `${domainReader} or project_id:%(project_id)s or role:service`,
    write: domainManager,
  }),
  ...collection('domain', 'domains', { list: reader, read: `${domainReader} or user_domain_id:%(domain_id)s`, write: admin }),
  ...collection('group', 'groups', { list: domainReader, read: domainReader, write: domainManager }),
  ...collection('role', 'roles', { list: `${reader} or role:manager`, read: `${reader} or role:manager`, write: admin }),
  ...collection('service', 'services', { list: reader, read: reader, write: admin }),
  ...collection('endpoint', 'endpoints', { list: reader, read: reader, write: admin }),
  ...collection('region', 'regions', { list: '@', read: '@', write: admin }),
  ...collection('registered_limit', 'registered_limits', { list: '@', read: '@', write: admin }),
  ...collection('limit', 'limits', {
    list: '@',
    read: `${serviceOrAdmin} or (role:reader and system_scope:all) or project_id:%(project_id)s or domain_id:%(domain_id)s`,
    write: admin,
  }),
  'identity:list_all_limits': rule(`${serviceOrAdmin} or (role:reader and system_scope:all)`, 'List limits of every project and domain.'),
  'identity:list_user_projects': rule(`${domainReader} or ${owner}`, 'List the projects a user has a role on.'),
  'identity:list_groups_for_user': rule(`${domainReader} or ${owner}`, 'List the groups of a user.'),
  'identity:list_users_in_group': rule(domainReader, 'List the users of a group.'),
  'identity:check_user_in_group': rule(domainReader, 'Tell whether a user is in a group.'),
  'identity:add_user_to_group': rule(domainManager, 'Put a user into a group.'),
  'identity:remove_user_from_group': rule(domainManager, 'Take a user out of a group.'),
  'identity:list_implied_roles': rule(reader, 'List what a role implies.'),
  'identity:get_implied_role': rule(reader, 'Tell whether a role implies another.'),
  'identity:create_implied_role': rule(admin, 'Let a role imply another.'),
  'identity:delete_implied_role': rule(admin, 'Let a role no longer imply another.'),
  'identity:list_grants': rule(domainReader, 'List the roles of a user or group on a project or domain.'),
  'identity:check_grant': rule(domainReader, 'Tell whether a user or group has a role on a project or domain.'),
  'identity:create_grant': rule(domainGranter, 'Give a user or group a role on a project or domain.'),
  'identity:revoke_grant': rule(domainGranter, 'Take a role on a project or domain from a user or group.'),
  'identity:list_system_grants': rule(reader, 'List the roles of a user or group on the system.'),
  'identity:check_system_grant': rule(reader, 'Tell whether a user or group has a role on the system.'),
  'identity:create_system_grant': rule(admin, 'Give a user or group a role on the system.'),
  'identity:revoke_system_grant': rule(admin, 'Take a role on the system from a user or group.'),
  'identity:list_role_assignments': rule(domainReader, 'List role assignments.'),
  'identity:list_application_credentials': rule(`${reader} or ${owner}`, 'List application credentials of a user.'),
  'identity:get_application_credential': rule(`${reader} or ${owner}`, 'Show an application credential.'),
  'identity:create_application_credential': rule(owner, 'Create an application credential for oneself.'),
  'identity:delete_application_credential': rule(`${admin} or ${owner}`, 'Delete an application credential.'),
  'identity:validate_token': rule(`${serviceOrAdmin} or (role:reader and system_scope:all) or ${owner}`, 'Show what a token says.'),
  'identity:revoke_token': rule(`${admin} or ${owner}`, 'Revoke a token.'),
  'identity:list_revoke_events': rule(serviceOrAdmin, 'List revocation events.'),
} as const satisfies Record<string, PolicyRule>;

export type IdentityRule = keyof typeof identityRules;

export const identityPolicy = (overrides: Readonly<Record<string, string>> = {}): Policy => createPolicy(identityRules, overrides);
