import { notFound } from '../../../lib/errors.ts';
import type { TokenClaims } from '../../../domain/token.ts';
import { catalogFor } from '../catalog.ts';
import { type IdentityDeps } from '../deps.ts';
import { isoTime } from '../iso-time.ts';
import { findDomain, findProject, findUser } from '../find-named.ts';

/** A token as `/v3/auth/tokens` shows it: what it says, with the names that belong to it and the catalog. */
export async function tokenDocument(
  deps: IdentityDeps,
  claims: TokenClaims,
  options: { readonly catalog: boolean },
): Promise<Record<string, unknown>> {
  const { scope } = claims;
  const projectId = scope.kind === 'project' ? scope.id : null;
  const [user, scoped, roles, catalog, credential] = await Promise.all([
    findUser(deps.db, { id: claims.userId }),
    describeScope(deps, claims),
    claims.roles.length === 0
      ? []
      : deps.db
          .selectFrom('roles')
          .select(['id', 'name'])
          .where('domain_id', 'is', null)
          .where((eb) => eb(eb.fn<string>('lower', ['name']), 'in', [...claims.roles]))
          .orderBy('name')
          .execute(),
    options.catalog && scope.kind !== 'unscoped' ? catalogFor(deps.db, projectId) : null,
    claims.applicationCredential === null
      ? null
      : deps.db.selectFrom('application_credentials').select('name').where('id', '=', claims.applicationCredential.id).executeTakeFirst(),
  ]);
  if (user === null) throw notFound('Could not find token.');
  return {
    methods: claims.methods,
    user: { id: user.id, name: user.name, domain: { id: user.domain_id, name: user.domain_name }, password_expires_at: null },
    audit_ids: claims.auditIds,
    issued_at: isoTime(claims.issuedAt),
    expires_at: isoTime(claims.expiresAt),
    ...scoped,
    ...(scope.kind === 'unscoped' ? {} : { roles }),
    ...(catalog === null ? {} : { catalog }),
    ...(claims.applicationCredential === null
      ? {}
      : {
          application_credential: {
            id: claims.applicationCredential.id,
            name: credential?.name ?? '',
            restricted: claims.applicationCredential.restricted,
          },
        }),
  };
}

async function describeScope(deps: IdentityDeps, { scope }: TokenClaims): Promise<Record<string, unknown>> {
  switch (scope.kind) {
    case 'project': {
      const project = await findProject(deps.db, { id: scope.id });
      if (project === null) throw notFound('Could not find token.');
      return {
        project: { id: project.id, name: project.name, domain: { id: project.domain_id, name: project.domain_name } },
        is_domain: false,
      };
    }
    case 'domain': {
      const domain = await findDomain(deps.db, { id: scope.id });
      if (domain === null) throw notFound('Could not find token.');
      return { domain: { id: domain.id, name: domain.name } };
    }
    case 'system':
      return { system: { all: true } };
    case 'unscoped':
    default:
      return {};
  }
}
