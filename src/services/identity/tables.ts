import type { Generated, JSONColumnType } from 'kysely';
import type { Database, Executor } from '../../lib/sql/database.ts';
import type { WireRevocationEvent } from '../../domain/token-revocation.ts';

type Json = JSONColumnType<Record<string, unknown>>;

export interface DomainTable {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
  tags: string[];
  options: Json;
  extra: Json;
}
export interface ProjectTable extends DomainTable {
  domain_id: string;
  parent_id: string | null;
}
export interface UserTable {
  id: string;
  domain_id: string;
  name: string;
  enabled: boolean;
  default_project_id: string | null;
  password_hash: string | null;
  password_changed_at: string | null;
  options: Json;
  extra: Json;
}
export interface GroupTable {
  id: string;
  domain_id: string;
  name: string;
  description: string;
  extra: Json;
}
export interface RoleTable {
  id: string;
  domain_id: string | null;
  name: string;
  description: string;
  options: Json;
  extra: Json;
}
export interface AssignmentTable {
  actor_type: 'user' | 'group';
  actor_id: string;
  target_type: 'project' | 'domain' | 'system';
  /** The id of the project or domain; `system` for the system. */
  target_id: string;
  role_id: string;
  inherited: boolean;
}
export interface ApplicationCredentialTable {
  id: string;
  user_id: string;
  project_id: string;
  name: string;
  description: string | null;
  secret_hash: string;
  expires_at: string | null;
  unrestricted: boolean;
}
export interface RegionTable {
  id: string;
  parent_region_id: string | null;
  description: string;
  extra: Json;
}
export interface ServiceTable {
  id: string;
  type: string;
  name: string;
  description: string | null;
  enabled: boolean;
  extra: Json;
}
export interface EndpointTable {
  id: string;
  service_id: string;
  region_id: string | null;
  interface: 'public' | 'internal' | 'admin';
  url: string;
  name: string | null;
  enabled: boolean;
  extra: Json;
}
export interface RegisteredLimitTable {
  id: string;
  service_id: string;
  region_id: string | null;
  resource_name: string;
  default_limit: number;
  description: string | null;
}
export interface LimitTable {
  id: string;
  registered_limit_id: string;
  project_id: string | null;
  domain_id: string | null;
  resource_limit: number;
  description: string | null;
}

/** The identity service's tables. */
export interface IdentityTables {
  domains: DomainTable;
  projects: ProjectTable;
  users: UserTable;
  groups: GroupTable;
  group_members: { group_id: string; user_id: string };
  roles: RoleTable;
  role_implications: { prior_id: string; implied_id: string };
  role_assignments: AssignmentTable;
  application_credentials: ApplicationCredentialTable;
  application_credential_roles: { application_credential_id: string; role_id: string };
  regions: RegionTable;
  services: ServiceTable;
  endpoints: EndpointTable;
  registered_limits: RegisteredLimitTable;
  limits: LimitTable;
  signing_keys: { id: string; private_key: string; public_key: string; created_at: string };
  revocation_events: {
    id: Generated<number>;
    key: string;
    event: JSONColumnType<WireRevocationEvent>;
    issued_before: string;
    revoked_at: string;
  };
}

export type IdentityDatabase = Database<IdentityTables>;
export type IdentityExecutor = Executor<IdentityTables>;
