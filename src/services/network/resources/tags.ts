import { sql } from 'kysely';
import { Type } from 'typebox';
import { invalid, notFound } from '../../../lib/errors.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { validatorOf } from '../../../lib/http/validation.ts';
import { find, scopeOf, type Collection } from '../collection.ts';
import { route, type NetworkDeps } from '../deps.ts';
import type { NetworkRule } from '../policy.ts';
import { locked } from '../resource-routes.ts';
import { write } from '../store/write.ts';
import { Tag } from '../texts.ts';

const Tags = plainBody('Tags', Type.Object({ tags: Type.Array(Tag, { maxItems: 50 }) }, { additionalProperties: false }));

interface Tagged {
  readonly id: string;
  readonly tags: readonly string[];
}

/** The tags of one kind of resource, which whoever may change the resource may change. */
export function tagRoutes<Row extends Tagged>(collection: Collection<Row>): AnyRoute<NetworkDeps>[] {
  const { singular, plural } = collection;
  const path = `/v2.0/${plural.replaceAll('_', '-')}/:id/tags` as const;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every resource has these two rules
  const [reads, writes] = [`get_${singular}` as NetworkRule, `update_${singular}` as NetworkRule];
  const load = ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly id: string };
    readonly ctx: RequestContext;
    readonly deps: NetworkDeps;
  }): Promise<Row> => find(deps.db, collection, scopeOf(ctx), params.id);
  const { target } = collection;

  const change = (deps: NetworkDeps, row: Row, next: (tags: readonly string[]) => readonly string[]): Promise<readonly string[]> =>
    write(deps, async (tx) => {
      const tags = next((await locked(tx, collection, row.id)).tags);
      if (tags.length > 50) throw invalid('The number of tags exceeds 50.', { code: 'InvalidInput' });
      await sql`UPDATE ${sql.table(collection.table.replace(/_details$/, 's'))} SET tags = ${[...new Set(tags)]}::text[], revision_number = revision_number + 1 WHERE id = ${row.id}`.execute(
        tx,
      );
      return tags;
    });

  return [
    route({
      method: 'GET',
      path,
      summary: `List tags of a ${singular}`,
      policy: reads,
      load,
      target,
      reply: { status: 200, key: 'tags' },
      handle: ({ loaded }) => loaded.tags,
    }),
    route({
      method: 'PUT',
      path,
      summary: `Replace the tags of a ${singular}`,
      policy: writes,
      load,
      target,
      body: { schema: Tags },
      reply: { status: 200, key: 'tags' },
      handle: ({ loaded, body, deps }) => change(deps, loaded, () => body.tags),
    }),
    route({
      method: 'DELETE',
      path,
      summary: `Remove all tags of a ${singular}`,
      policy: writes,
      load,
      target,
      reply: { status: 204 },
      async handle({ loaded, deps }) {
        await change(deps, loaded, () => []);
        return new Reply(204);
      },
    }),
    route({
      method: 'GET',
      path: `${path}/:tag`,
      summary: `Ask whether a ${singular} has a tag`,
      policy: reads,
      load,
      target,
      reply: { status: 204 },
      handle({ loaded, params }) {
        if (!loaded.tags.includes(params.tag)) throw tagNotFound(params.tag);
        return new Reply(204);
      },
    }),
    route({
      method: 'PUT',
      path: `${path}/:tag`,
      summary: `Tag a ${singular}`,
      policy: writes,
      load,
      target,
      reply: { status: 201 },
      async handle({ loaded, params, deps }) {
        if (validatorOf(Tag).check(params.tag) !== null)
          throw invalid(`Invalid input for tag. Reason: it is not 1 to 255 characters without commas and control characters.`, {
            code: 'InvalidInput',
          });
        await change(deps, loaded, (tags) => [...tags.filter((tag) => tag !== params.tag), params.tag]);
        return new Reply(201);
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/:tag`,
      summary: `Remove a tag of a ${singular}`,
      policy: writes,
      load,
      target,
      reply: { status: 204 },
      async handle({ loaded, params, deps }) {
        await change(deps, loaded, (tags) => {
          if (!tags.includes(params.tag)) throw tagNotFound(params.tag);
          return tags.filter((tag) => tag !== params.tag);
        });
        return new Reply(204);
      },
    }),
  ];
}

const tagNotFound = (tag: string) => notFound(`Tag ${tag.slice(0, 255)} could not be found.`, { code: 'TagNotFound' });
