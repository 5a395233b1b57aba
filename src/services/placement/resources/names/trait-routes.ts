import { conflict, invalid, notFound } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { sqlState } from '../../../../lib/sql/database.ts';
import { markFresh, route } from '../../deps.ts';
import { customPattern } from '../../schemas.ts';
import { findName, insertName, isStandard, removeName } from '../../store/names.ts';
import { listTraits } from '../../store/list-traits.ts';

const noSuchTrait = (name: string) => notFound(`No such trait(s): ${name}.`);
const custom = new RegExp(customPattern);

export const traitRoutes = [
  route({
    method: 'GET',
    path: '/traits',
    since: '1.6',
    summary: 'List traits',
    policy: 'placement:traits:list',
    query: versionedQuery({ name: { type: anyText }, associated: { type: anyText } }, { refusesUnknownSince: version('1.0') }),
    reply: { status: 200 },
    async handle({ query, ctx, deps }) {
      const [, operator, operand] = /^(in|startswith):(.*)$/s.exec(query.name ?? '') ?? [];
      if (query.name !== undefined && operator === undefined) {
        throw invalid(
          `Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "${query.name}"`,
        );
      }
      const associated = query.associated?.toLowerCase();
      if (associated !== undefined && associated !== 'true' && associated !== 'false') {
        throw invalid(`The query parameter "associated" only accepts "true" or "false"`);
      }
      const traits = await listTraits(deps.database, {
        names: operator === 'in' ? (operand ?? '').split(',') : null,
        prefix: operator === 'startswith' ? (operand ?? '') : null,
        associated: associated === undefined ? null : associated === 'true',
      });
      markFresh(ctx, deps, traits.length === 0 ? undefined : Math.max(...traits.map((trait) => trait.updatedAt)));
      return { traits: traits.map((trait) => trait.name) };
    },
  }),
  route({
    method: 'GET',
    path: '/traits/:name',
    since: '1.6',
    summary: 'Tell whether a trait exists',
    policy: 'placement:traits:show',
    reply: { status: 204 },
    async handle({ params, ctx, deps }) {
      const trait = await findName(deps.database, 'traits', params.name);
      if (trait === null) throw noSuchTrait(params.name);
      markFresh(ctx, deps, trait.updatedAt);
    },
  }),
  route({
    method: 'PUT',
    path: '/traits/:name',
    since: '1.6',
    summary: 'Make sure that a custom trait exists',
    policy: 'placement:traits:update',
    reply: { status: 201 },
    async handle({ params, ctx, deps }) {
      const { name } = params;
      if (!custom.test(name) || name.length > 255) {
        throw invalid(
          'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"',
        );
      }
      const made = await insertName(deps.database, 'traits', name);
      markFresh(ctx, deps, (await findName(deps.database, 'traits', name))?.updatedAt);
      return new Reply(made ? 201 : 204, undefined, { location: `${ctx.baseUrl}/traits/${name}` });
    },
  }),
  route({
    method: 'DELETE',
    path: '/traits/:name',
    since: '1.6',
    summary: 'Delete a custom trait',
    policy: 'placement:traits:delete',
    reply: { status: 204 },
    async handle({ params, deps }) {
      const { name } = params;
      if (isStandard('traits', name)) throw invalid(`Cannot delete standard trait ${name}.`);
      try {
        if (!(await removeName(deps.database, 'traits', name))) throw noSuchTrait(name);
      } catch (error) {
        throw sqlState(error) === '23503' ? conflict(`The trait ${name} is in use by a resource provider.`, { cause: error }) : error;
      }
    },
  }),
];
