import { Type } from 'typebox';
import { HttpError } from '../../lib/http/http-error.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../lib/http/route.ts';
import { plainBody, type VersionedBody } from '../../lib/http/versioned-body.ts';
import { invalid } from '../../lib/errors.ts';
import { find, findAll, list, scopeOf, shown, type Collection } from './collection.ts';
import { route, type NetworkDeps } from './deps.ts';
import { invalidInput } from './neutron-errors.ts';
import type { NetworkRule } from './policy.ts';
import type { Tx } from './store/tables.ts';
import { write, type Touched } from './store/write.ts';
import { inOneSpelling } from './texts.ts';

/** What the work of one request has at hand. */
export interface Work {
  readonly deps: NetworkDeps;
  readonly ctx: RequestContext;
  readonly tx: Tx;
  readonly touched: Touched;
}

/** A resource and what can be done to it; what is left out cannot be done. */
export interface ResourceSpec<Row, Create, Update> {
  readonly collection: Collection<Row>;
  readonly create?: {
    readonly body: VersionedBody<Create>;
    /** Makes one; answers its id. Several of one request share a transaction. */
    readonly run: (work: Work, body: Create, projectId: string) => Promise<string>;
    /** Whether `run` asks the policy itself, because what it asks about is not the new row. */
    readonly authorizes?: true;
  };
  readonly update?: { readonly body: VersionedBody<Update>; readonly run: (work: Work, row: Row, body: Update) => Promise<void> };
  readonly remove?: (work: Work, row: Row) => Promise<void>;
}

interface Owned {
  readonly tenant_id?: string;
  readonly project_id?: string;
}

/** Whom a new resource belongs to: the caller, or for administrators whomever they say. */
function ownerOf(ctx: RequestContext, body: Owned): string {
  const asked = body.project_id ?? body.tenant_id;
  if (body.project_id !== undefined && body.tenant_id !== undefined && body.project_id !== body.tenant_id) {
    throw invalid("'project_id' and 'tenant_id' do not match", { code: 'HTTPBadRequest' });
  }
  const own = ctx.caller.projectId;
  if (asked !== undefined && asked !== own && !scopeOf(ctx).elevated) {
    throw invalid("Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges", {
      code: 'HTTPBadRequest',
    });
  }
  const owner = asked ?? own;
  if (owner === null) throw invalid('A project is needed: the token is not scoped to one.', { code: 'HTTPBadRequest' });
  return owner;
}

/** `If-Match: revision_number=<n>` refuses a change to what has changed since it was read. */
function checkRevision(ctx: RequestContext, revision: number): void {
  const asked = /^revision_number=(\d{1,9})$/.exec(String(ctx.headers['if-match'] ?? ''))?.[1];
  if (asked !== undefined && Number(asked) !== revision) {
    throw new HttpError(412, `Constrained to ${asked}, but current revision is ${revision}`);
  }
}

const fieldsOf = (ctx: RequestContext): Set<string> => new Set(new URLSearchParams(ctx.rawQuery).getAll('fields'));

/** The routes of one resource, under Neutron's paths and policy names. */
export function resourceRoutes<
  Row extends { readonly id: string; readonly revision_number: number },
  Create extends Owned,
  Update extends object,
>(spec: ResourceSpec<Row, Create, Update>): AnyRoute<NetworkDeps>[] {
  const { collection, create, update, remove } = spec;
  const { singular, plural } = collection;
  const path = `/v2.0/${plural.replaceAll('_', '-')}` as const;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every resource has rules for what can be done to it
  const rule = (verb: string): NetworkRule => `${verb}_${singular}` as NetworkRule;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  const listRule = `get_${plural}` as NetworkRule;
  const load = ({
    params,
    ctx,
    deps,
  }: {
    readonly params: Readonly<Record<string, string>>;
    readonly ctx: RequestContext;
    readonly deps: NetworkDeps;
  }): Promise<Row> => find(deps.db, collection, scopeOf(ctx), params['id'] ?? '');

  const routes: AnyRoute<NetworkDeps>[] = [
    route({
      method: 'GET',
      path,
      summary: `List ${plural}`,
      policy: listRule,
      reply: { status: 200 },
      handle: ({ ctx, deps }) => list(deps.db, collection, ctx),
    }),
    route({
      method: 'GET',
      path: `${path}/:id`,
      summary: `Show a ${singular}`,
      policy: 'authenticated',
      load,
      reply: { status: 200, key: singular },
      handle({ ctx, loaded }) {
        if (!ctx.can(rule('get'), collection.target(loaded))) throw collection.notFound(loaded.id);
        return shown(collection, loaded, ctx, fieldsOf(ctx));
      },
    }),
  ];
  if (create !== undefined) {
    routes.push(
      route({
        method: 'POST',
        path,
        summary: `Create one or several ${plural}`,
        policy: 'authenticated',
        body: { schema: oneOrSeveral(singular, plural, create.body) },
        reply: { status: 201 },
        async handle({ ctx, deps, body }) {
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema has been checked
          const one = body[singular] as Create | undefined;
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
          const bodies = one === undefined ? (body[plural] as Create[] | undefined) : [one];
          if (bodies === undefined) throw invalid(`Unable to find '${singular}' in request body`);
          const ids = await write(deps, async (tx, touched) => {
            const made: string[] = [];
            for (const each of bodies) {
              const projectId = ownerOf(ctx, each);
              if (create.authorizes !== true) ctx.authorize(rule('create'), { project_id: projectId, tenant_id: projectId });
              made.push(await create.run({ deps, ctx, tx, touched }, inOneSpelling(create.body.schema(0), each), projectId));
            }
            return made;
          });
          const rows = await findAll(deps.db, collection, { ...scopeOf(ctx), elevated: true }, ids);
          const views = rows.map((row) => shown(collection, row, ctx, null));
          return one === undefined ? { [plural]: views } : { [singular]: views[0] };
        },
      }),
    );
  }
  if (update !== undefined) {
    routes.push(
      route({
        method: 'PUT',
        path: `${path}/:id`,
        summary: `Change a ${singular}`,
        policy: rule('update'),
        load,
        target: collection.target,
        body: { key: singular, schema: update.body },
        reply: { status: 200, key: singular },
        async handle({ ctx, deps, loaded, body }) {
          await write(deps, async (tx, touched) => {
            const row = await locked(tx, collection, loaded.id);
            checkRevision(ctx, row.revision_number);
            await update.run({ deps, ctx, tx, touched }, row, inOneSpelling(update.body.schema(0), body));
          });
          return shown(collection, await find(deps.db, collection, { ...scopeOf(ctx), elevated: true }, loaded.id), ctx, null);
        },
      }),
    );
  }
  if (remove !== undefined) {
    routes.push(
      route({
        method: 'DELETE',
        path: `${path}/:id`,
        summary: `Delete a ${singular}`,
        policy: rule('delete'),
        load,
        target: collection.target,
        reply: { status: 204 },
        async handle({ ctx, deps, loaded }) {
          await write(deps, async (tx, touched) => {
            const row = await locked(tx, collection, loaded.id);
            checkRevision(ctx, row.revision_number);
            await remove({ deps, ctx, tx, touched }, row);
          });
          return new Reply(204);
        },
      }),
    );
  }
  return routes;
}

/** The row again, held until the transaction ends, so that two changes to it follow one another. */
export async function locked<Row extends { readonly id: string }>(tx: Tx, collection: Collection<Row>, id: string): Promise<Row> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- any table with an id will do
  const table = collection.table.replace(/_details$/, 's') as 'networks';
  await tx.selectFrom(table).select('id').where('id', '=', id).forUpdate().execute();
  return find(tx, collection, { projectId: null, elevated: true }, id);
}

/** `{port: {…}}` or `{ports: [{…}, …]}`. */
function oneOrSeveral<Create>(singular: string, plural: string, body: VersionedBody<Create>): VersionedBody<Record<string, unknown>> {
  const schema = body.schema(0);
  const several = Type.Array(schema, { minItems: 1, maxItems: 200 });
  return plainBody(
    singular,
    Type.Object({ [singular]: Type.Optional(schema), [plural]: Type.Optional(several) }, { additionalProperties: false, maxProperties: 1 }),
  ) as VersionedBody<Record<string, unknown>>;
}

/** Asks the policy about each guarded attribute that a body sets to something else than its default. */
export function authorizeAttributes(
  ctx: RequestContext,
  action: `${'create' | 'update'}_${string}`,
  guarded: Readonly<Record<string, unknown>>,
  body: object,
  target: Readonly<Record<string, unknown>>,
): void {
  for (const [attribute, usual] of Object.entries(guarded)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a body is an object
    const value = (body as Readonly<Record<string, unknown>>)[attribute];
    if (value === undefined || (action.startsWith('create') && JSON.stringify(value) === JSON.stringify(usual))) continue;
    ctx.authorize(`${action}:${attribute}`, target);
  }
}

/** Refuses an attribute that exists for other clients' sake and can only be null here. */
export function onlyNull(attribute: string, value: unknown): void {
  if (value !== undefined && value !== null) throw invalidInput(`${attribute} is not supported`);
}
