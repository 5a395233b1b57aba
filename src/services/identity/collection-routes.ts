import { notFound } from '../../lib/errors.ts';
import type { VersionedBody } from '../../lib/http/versioned-body.ts';
import type { VersionedQuery } from '../../lib/http/query.ts';
import type { AnyRoute, RequestContext } from '../../lib/http/route.ts';
import type { PolicyTarget } from '../../lib/policy/policy.ts';
import { route, type IdentityDeps } from './deps.ts';
import type { IdentityRule } from './policy.ts';

type CollectionName = 'user' | 'project' | 'domain' | 'group' | 'role' | 'service' | 'endpoint' | 'region' | 'registered_limit' | 'limit';

/** What all routes of a request know. */
export interface Asking {
  readonly deps: IdentityDeps;
  readonly ctx: RequestContext;
}

/** One kind of resource. Each part that is there makes its route; paths, envelopes, links and rules follow from the name. */
export interface Collection<Row extends { readonly id: string }, Query, Create, Update> {
  readonly one: CollectionName;
  readonly find: (deps: IdentityDeps, id: string) => Promise<Row | null | undefined>;
  /** What rules may ask about one: facts of ours, never the request's. */
  readonly target?: (row: Row) => PolicyTarget;
  readonly show: (row: Row) => Readonly<Record<string, unknown>>;
  readonly query: VersionedQuery<Query>;
  readonly listTarget?: (query: Query, ctx: RequestContext) => PolicyTarget;
  readonly list: (asking: Asking, query: Query) => Promise<readonly Row[]>;
  readonly createBody?: VersionedBody<Create>;
  readonly createTarget?: (asking: Asking, body: Create) => Promise<PolicyTarget> | PolicyTarget;
  readonly create?: (asking: Asking, body: Create) => Promise<Row>;
  readonly updateBody: VersionedBody<Update>;
  readonly update: (asking: Asking, row: Row, body: Update) => Promise<Row>;
  readonly remove: (asking: Asking, row: Row) => Promise<void>;
}

export const selfLink = (ctx: RequestContext, path: string): { readonly self: string } => ({ self: `${ctx.baseUrl}/v3/${path}` });

/** The links of a list: all of it is one page. */
export const listLinks = (ctx: RequestContext): Readonly<Record<string, unknown>> => ({
  next: null,
  previous: null,
  self: `${ctx.baseUrl}${ctx.path}${ctx.rawQuery === '' ? '' : `?${ctx.rawQuery}`}`,
});

/** What is found, or 404; to somebody who may not see such things at all, 403, whether it exists or not. `target` is what is known without it. */
export async function foundOr404<Row>(
  ctx: RequestContext,
  rule: IdentityRule,
  what: string,
  find: Promise<Row | null | undefined>,
  target: PolicyTarget = {},
): Promise<Row> {
  const row = await find;
  if (row !== null && row !== undefined) return row;
  ctx.authorize(rule, target);
  throw notFound(`Could not find ${what}.`);
}

/** The routes of a collection. */
export function collectionRoutes<Row extends { readonly id: string }, Query, Create, Update>(
  spec: Collection<Row, Query, Create, Update>,
): AnyRoute<IdentityDeps>[] {
  const { one } = spec;
  const many = `${one}s` as const;
  const words = one.replaceAll('_', ' ');
  const path = `/v3/${many}` as const;
  const onePath = `${path}/:id` as const;
  const show = (ctx: RequestContext, row: Row): Record<string, unknown> => ({
    ...spec.show(row),
    links: selfLink(ctx, `${many}/${row.id}`),
  });
  const target = (row: Row): PolicyTarget => spec.target?.(row) ?? {};
  const load =
    (rule: IdentityRule) =>
    (input: Asking & { readonly params: { readonly id: string } }): Promise<Row> =>
      foundOr404(input.ctx, rule, `${words}: ${input.params.id}`, spec.find(input.deps, input.params.id));
  const { create, createBody } = spec;
  const creation =
    create === undefined || createBody === undefined
      ? []
      : [
          route({
            method: 'POST',
            path,
            summary: `Create a ${words}`,
            policy: `identity:create_${one}`,
            body: { key: one, schema: createBody },
            load: async ({ body, ctx, deps }) => (await spec.createTarget?.({ ctx, deps }, body)) ?? {},
            target: (facts) => facts,
            reply: { status: 201, key: one },
            handle: async ({ body, ctx, deps }) => show(ctx, await create({ ctx, deps }, body)),
          }),
        ];
  return [
    ...creation,
    route({
      method: 'GET',
      path,
      summary: `List ${words}s`,
      policy: `identity:list_${many}`,
      query: spec.query,
      load: async ({ ctx, query }) => spec.listTarget?.(query, ctx) ?? {},
      target: (facts) => facts,
      reply: { status: 200 },
      async handle({ ctx, deps, query }) {
        const rows = await spec.list({ ctx, deps }, query);
        return { [many]: rows.map((row) => show(ctx, row)), links: listLinks(ctx) };
      },
    }),
    route({
      method: 'GET',
      path: onePath,
      summary: `Show a ${words}`,
      policy: `identity:get_${one}`,
      load: load(`identity:get_${one}`),
      target,
      reply: { status: 200, key: one },
      handle: ({ ctx, loaded }) => show(ctx, loaded),
    }),
    route({
      method: 'PATCH',
      path: onePath,
      summary: `Update a ${words}`,
      policy: `identity:update_${one}`,
      body: { key: one, schema: spec.updateBody },
      load: load(`identity:update_${one}`),
      target,
      reply: { status: 200, key: one },
      handle: async ({ body, ctx, deps, loaded }) => show(ctx, await spec.update({ ctx, deps }, loaded, body)),
    }),
    route({
      method: 'DELETE',
      path: onePath,
      summary: `Delete a ${words}`,
      policy: `identity:delete_${one}`,
      load: load(`identity:delete_${one}`),
      target,
      reply: { status: 204 },
      handle: ({ ctx, deps, loaded }) => spec.remove({ ctx, deps }, loaded),
    }),
  ];
}
