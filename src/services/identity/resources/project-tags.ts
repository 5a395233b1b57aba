import type { Selectable } from 'kysely';
import { invalid, notFound } from '../../../lib/errors.ts';
import { validatorOf } from '../../../lib/http/validation.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { foundOr404, listLinks } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import type { IdentityRule } from '../policy.ts';
import { Tag, Tags, refuseImmutable } from '../resource-fields.ts';
import type { ProjectTable } from '../tables.ts';
import { findProjectRow } from './projects.ts';

type Project = Selectable<ProjectTable>;

const loader =
  (rule: IdentityRule) =>
  ({
    ctx,
    deps,
    params,
  }: {
    readonly ctx: RequestContext;
    readonly deps: IdentityDeps;
    readonly params: { readonly id: string };
  }): Promise<Project> =>
    foundOr404(ctx, rule, `project: ${params.id}`, findProjectRow(deps, params.id));
const target = (project: Project): Record<string, unknown> => ({ project_id: project.id, domain_id: project.domain_id });
const read = { policy: 'identity:get_project', load: loader('identity:get_project'), target } as const;
const write = { policy: 'identity:update_project', load: loader('identity:update_project'), target } as const;

async function store(deps: IdentityDeps, project: Project, tags: readonly string[]): Promise<void> {
  refuseImmutable('project', project, {});
  if (new Set(tags).size > 80) throw invalid('A project has at most 80 tags.');
  await deps.db
    .updateTable('projects')
    .set({ tags: [...new Set(tags)] })
    .where('id', '=', project.id)
    .execute();
}

function refuseMissing(project: Project, tag: string): void {
  if (!project.tags.includes(tag)) throw notFound(`Could not find project tag: ${tag}.`);
}

const [all, one] = ['/v3/projects/:id/tags', '/v3/projects/:id/tags/:tag'] as const;

export const projectTagRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    ...read,
    method: 'GET',
    path: all,
    summary: 'List the tags of a project',
    reply: { status: 200 },
    handle: ({ ctx, loaded }) => ({ tags: loaded.tags, links: listLinks(ctx) }),
  }),
  route({
    ...write,
    method: 'PUT',
    path: all,
    summary: 'Replace the tags of a project',
    body: { key: 'tags', schema: plainBody('ProjectTags', Tags) },
    reply: { status: 200 },
    async handle({ body, ctx, deps, loaded }) {
      await store(deps, loaded, body);
      return { tags: body, links: listLinks(ctx) };
    },
  }),
  route({
    ...write,
    method: 'DELETE',
    path: all,
    summary: 'Take all tags from a project',
    reply: { status: 204 },
    handle: ({ deps, loaded }) => store(deps, loaded, []),
  }),
  route({
    ...read,
    method: 'GET',
    path: one,
    summary: 'Tell whether a project has a tag',
    reply: { status: 204 },
    handle({ loaded, params }) {
      refuseMissing(loaded, params.tag);
      return new Reply(204);
    },
  }),
  route({
    ...write,
    method: 'PUT',
    path: one,
    summary: 'Add a tag to a project',
    reply: { status: 201 },
    async handle({ deps, loaded, params }) {
      const issue = validatorOf(Tag).check(params.tag);
      if (issue !== null) throw invalid(issue.text);
      await store(deps, loaded, [...loaded.tags, params.tag]);
    },
  }),
  route({
    ...write,
    method: 'DELETE',
    path: one,
    summary: 'Take a tag from a project',
    reply: { status: 204 },
    async handle({ deps, loaded, params }) {
      refuseMissing(loaded, params.tag);
      await store(
        deps,
        loaded,
        loaded.tags.filter((tag) => tag !== params.tag),
      );
    },
  }),
];
