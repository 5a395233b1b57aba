import type { Selectable } from 'kysely';
import type { DomainTable, GroupTable, ProjectTable, RoleTable, UserTable } from '../tables.ts';

type Shown = Record<string, unknown>;

export const showUser = ({ id, name, domain_id, enabled, default_project_id, options, extra }: Selectable<UserTable>): Shown => ({
  ...extra,
  id,
  name,
  domain_id,
  enabled,
  ...(default_project_id === null ? {} : { default_project_id }),
  options,
  password_expires_at: null,
});

export const showGroup = ({ id, name, domain_id, description, extra }: Selectable<GroupTable>): Shown => ({
  ...extra,
  id,
  name,
  domain_id,
  description,
});

export const showProject = ({
  id,
  name,
  domain_id,
  parent_id,
  description,
  enabled,
  tags,
  options,
  extra,
}: Selectable<ProjectTable>): Shown => ({
  ...extra,
  id,
  name,
  domain_id,
  parent_id: parent_id ?? domain_id,
  is_domain: false,
  description,
  enabled,
  tags,
  options,
});

export const showDomain = ({ id, name, description, enabled, tags, options, extra }: Selectable<DomainTable>): Shown => ({
  ...extra,
  id,
  name,
  description,
  enabled,
  tags,
  options,
});

export const showRole = ({ id, name, domain_id, description, options, extra }: Selectable<RoleTable>): Shown => ({
  ...extra,
  id,
  name,
  domain_id,
  description,
  options,
});
