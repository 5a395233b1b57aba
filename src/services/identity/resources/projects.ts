import type { Selectable } from 'kysely';
import { forbidden, invalid } from '../../../lib/errors.ts';
import { anyText, booleanText, isTruthy, versionedQuery } from '../../../lib/http/query.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { versionedBody } from '../../../lib/http/versioned-body.ts';
import { collectionRoutes } from '../collection-routes.ts';
import { newId, type IdentityDeps } from '../deps.ts';
import {
  domainFor,
  extraOf,
  Flag,
  given,
  IdText,
  listedDomain,
  NullableId,
  NullableText,
  Options,
  ProjectName,
  refuseImmutable,
  refuseMove,
  Tags,
  unlessTaken,
} from '../resource-fields.ts';
import { revoke } from '../revocations.ts';
import type { ProjectTable } from '../tables.ts';
import { showProject } from './views.ts';

type Project = Selectable<ProjectTable>;

const fields = {
  description: { type: NullableText },
  enabled: { type: Flag },
  options: { type: Options },
  tags: { type: Tags },
  domain_id: { type: IdText },
  parent_id: { type: NullableId },
  is_domain: { type: Flag },
} as const;
const known = [...Object.keys(fields), 'name'];
const CreateProject = versionedBody('CreateProject', { ...fields, name: { type: ProjectName, required: true } }, { unknownKeys: 'accept' });
const UpdateProject = versionedBody('UpdateProject', { ...fields, name: { type: ProjectName } }, { unknownKeys: 'accept' });

export const findProjectRow = (deps: IdentityDeps, id: string): Promise<Project | undefined> =>
  deps.db.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst();

/** Where a new project belongs: a domain, and the project above it where it is not directly in the domain. */
async function placeOf(
  deps: IdentityDeps,
  wanted: { readonly parent: string | null | undefined; readonly domain: string | undefined },
  otherwise: string,
): Promise<{ domainId: string; parentId: string | null }> {
  const parent = wanted.parent == null ? undefined : await findProjectRow(deps, wanted.parent);
  const domainId = wanted.domain ?? parent?.domain_id ?? wanted.parent ?? otherwise;
  if (parent !== undefined) {
    if (parent.domain_id !== domainId) throw invalid('A project must be in the same domain as its parent.');
    if (!parent.enabled) throw invalid('A project cannot be created below one that is disabled.');
    return { domainId, parentId: parent.id };
  }
  if (wanted.parent != null && wanted.parent !== domainId) throw invalid(`Could not find project: ${wanted.parent}.`);
  const domain = await deps.db.selectFrom('domains').select('id').where('id', '=', domainId).executeTakeFirst();
  if (domain === undefined) throw invalid(`Could not find domain: ${domainId}.`);
  return { domainId, parentId: null };
}

const childrenOf = (deps: IdentityDeps, project: Project): Promise<{ enabled: boolean }[]> =>
  deps.db.selectFrom('projects').select('enabled').where('parent_id', '=', project.id).execute();

export const projectRoutes: readonly AnyRoute<IdentityDeps>[] = collectionRoutes({
  one: 'project',
  find: findProjectRow,
  target: (project) => ({ project_id: project.id, domain_id: project.domain_id }),
  show: showProject,
  query: versionedQuery({
    name: { type: anyText },
    domain_id: { type: anyText },
    parent_id: { type: anyText },
    enabled: { type: booleanText },
    is_domain: { type: booleanText },
    tags: { type: anyText },
  }),
  listTarget: ({ domain_id }, ctx) => ({ domain_id: listedDomain(ctx, domain_id) }),
  async list({ deps, ctx }, { name, domain_id, parent_id, enabled, is_domain, tags }) {
    if (is_domain !== undefined && isTruthy(is_domain)) return []; // domains are listed as domains
    let query = deps.db.selectFrom('projects').selectAll().orderBy('name').orderBy('id');
    const domain = listedDomain(ctx, domain_id);
    if (name !== undefined) query = query.where('name', '=', name);
    if (domain !== undefined) query = query.where('domain_id', '=', domain);
    if (enabled !== undefined) query = query.where('enabled', '=', isTruthy(enabled));
    if (parent_id !== undefined)
      query = query.where((eb) =>
        eb.or([eb('parent_id', '=', parent_id), eb.and([eb('parent_id', 'is', null), eb('domain_id', '=', parent_id)])]),
      );
    const rows = await query.execute();
    const wanted = tags?.split(',') ?? [];
    return rows.filter((row) => wanted.every((tag) => row.tags.includes(tag)));
  },
  createBody: CreateProject,
  async createTarget({ deps, ctx }, body) {
    const { domainId } = await placeOf(deps, { parent: body.parent_id, domain: body.domain_id }, domainFor(ctx, undefined));
    return { domain_id: domainId };
  },
  async create({ deps, ctx }, body) {
    if (body.is_domain === true) throw invalid('Domains are created as domains.');
    const { domainId, parentId } = await placeOf(deps, { parent: body.parent_id, domain: body.domain_id }, domainFor(ctx, undefined));
    const project = {
      id: newId(deps),
      domain_id: domainId,
      parent_id: parentId,
      name: body.name,
      description: body.description ?? '',
      enabled: body.enabled ?? true,
      tags: body.tags ?? [],
      options: JSON.stringify(body.options ?? {}),
      extra: JSON.stringify(extraOf(body, known)),
    };
    return unlessTaken('project', deps.db.insertInto('projects').values(project).returningAll().executeTakeFirstOrThrow());
  },
  updateBody: UpdateProject,
  async update({ deps }, project, body) {
    refuseImmutable('project', project, body);
    refuseMove(project, body.domain_id);
    if (body.parent_id !== undefined && body.parent_id !== (project.parent_id ?? project.domain_id))
      throw forbidden('The parent of a project cannot be changed.');
    if (body.is_domain === true) throw invalid('A project cannot become a domain.');
    const disables = project.enabled && body.enabled === false;
    if (disables && (await childrenOf(deps, project)).some(({ enabled }) => enabled))
      throw forbidden(`Cannot disable project ${project.id}: it has enabled projects below it.`);
    const changes = {
      ...given({ name: body.name, enabled: body.enabled, tags: body.tags, description: body.description === null ? '' : body.description }),
      options: JSON.stringify({ ...project.options, ...body.options }),
      extra: JSON.stringify({ ...project.extra, ...extraOf(body, known) }),
    };
    return deps.db.transaction().execute(async (tx) => {
      const updated = await unlessTaken(
        'project',
        tx.updateTable('projects').set(changes).where('id', '=', project.id).returningAll().executeTakeFirstOrThrow(),
      );
      if (disables) await revoke(tx, deps.clock, [{ projectId: project.id }]);
      return updated;
    });
  },
  async remove({ deps }, project) {
    refuseImmutable('project', project);
    if ((await childrenOf(deps, project)).length > 0) throw forbidden(`Cannot delete project ${project.id}: it has projects below it.`);
    await deps.db.transaction().execute(async (tx) => {
      await tx.deleteFrom('role_assignments').where('target_type', '=', 'project').where('target_id', '=', project.id).execute();
      await tx.updateTable('users').set({ default_project_id: null }).where('default_project_id', '=', project.id).execute();
      await tx.deleteFrom('projects').where('id', '=', project.id).execute();
      await revoke(tx, deps.clock, [{ projectId: project.id }]);
    });
  },
});
