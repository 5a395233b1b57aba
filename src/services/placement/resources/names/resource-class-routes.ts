import Type from 'typebox';
import { conflict, invalid } from '../../../../lib/errors.ts';
import { HttpError } from '../../../../lib/http/http-error.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { validatorOf } from '../../../../lib/http/validation.ts';
import { isDuplicate, sqlState } from '../../../../lib/sql/database.ts';
import { markFresh, route } from '../../deps.ts';
import { noSuchClass } from '../../errors.ts';
import { CustomName } from '../../schemas.ts';
import { listResourceClasses, renameResourceClass } from '../../store/resource-classes.ts';
import { findName, insertName, isStandard, removeName } from '../../store/names.ts';

const NamedClass = plainBody('ResourceClass', Type.Object({ name: CustomName }, { additionalProperties: false }));
const show = (name: string) => ({ name, links: [{ rel: 'self', href: `/resource_classes/${name}` }] });

export const resourceClassRoutes = [
  route({
    method: 'GET',
    path: '/resource_classes',
    since: '1.2',
    summary: 'List resource classes',
    policy: 'placement:resource_classes:list',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const classes = await listResourceClasses(deps.database);
      markFresh(ctx, deps, Math.max(...classes.map((found) => found.updatedAt)));
      return { resource_classes: classes.map(({ name }) => show(name)) };
    },
  }),
  route({
    method: 'POST',
    path: '/resource_classes',
    since: '1.2',
    summary: 'Create a custom resource class',
    policy: 'placement:resource_classes:create',
    body: { schema: NamedClass },
    reply: { status: 201 },
    async handle({ body: { name }, ctx, deps }) {
      if (!(await insertName(deps.database, 'resource_classes', name)))
        throw conflict(`Conflicting resource class already exists: ${name}`);
      return new Reply(201, undefined, { location: `${ctx.baseUrl}/resource_classes/${name}` });
    },
  }),
  route({
    method: 'GET',
    path: '/resource_classes/:name',
    since: '1.2',
    summary: 'Show a resource class',
    policy: 'placement:resource_classes:show',
    reply: { status: 200 },
    async handle({ params, ctx, deps }) {
      const found = await findName(deps.database, 'resource_classes', params.name);
      if (found === null) throw noSuchClass(params.name);
      markFresh(ctx, deps, found.updatedAt);
      return show(found.name);
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    since: '1.2',
    until: '1.6',
    summary: 'Rename a custom resource class',
    policy: 'placement:resource_classes:update',
    body: { schema: NamedClass },
    reply: { status: 200 },
    async handle({ params, body, deps }) {
      if (isStandard('resource_classes', params.name)) throw invalid(`Cannot update standard resource class ${params.name}.`);
      try {
        if (!(await renameResourceClass(deps.database, params.name, body.name))) throw noSuchClass(params.name);
      } catch (error) {
        throw isDuplicate(error) ? conflict(`Resource class already exists: ${body.name}`, { cause: error }) : error;
      }
      return show(body.name);
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    since: '1.7',
    summary: 'Make sure that a custom resource class exists',
    policy: 'placement:resource_classes:update',
    reply: { status: 201 },
    async handle({ params: { name }, ctx, deps }) {
      const issue = validatorOf(CustomName).check(name);
      if (issue !== null)
        throw new HttpError(400, `JSON does not validate: ${issue.text}\n\nFailed validating '${issue.keyword}' in schema`);
      const made = await insertName(deps.database, 'resource_classes', name);
      if (!made) markFresh(ctx, deps, (await findName(deps.database, 'resource_classes', name))?.updatedAt);
      return new Reply(made ? 201 : 204, undefined, { location: `${ctx.baseUrl}/resource_classes/${name}` });
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_classes/:name',
    since: '1.2',
    summary: 'Delete a custom resource class',
    policy: 'placement:resource_classes:delete',
    reply: { status: 204 },
    async handle({ params: { name }, deps }) {
      if (isStandard('resource_classes', name))
        throw invalid(`Error in delete resource class: Cannot delete standard resource class ${name}.`);
      try {
        if (!(await removeName(deps.database, 'resource_classes', name))) throw noSuchClass(name);
      } catch (error) {
        throw sqlState(error) === '23503'
          ? conflict(`Error in delete resource class: Class is in use in inventory: ${name}`, { cause: error })
          : error;
      }
    },
  }),
];
