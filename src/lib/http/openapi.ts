import type { TSchema } from 'typebox';
import { formatVersion, version, type MicroversionScheme, type Version, type Window } from './microversion.ts';
import type { ActionRoute, AnyRoute } from './route.ts';

/** A JSON value, as far as a document needs to know. */
export type Json = Readonly<Record<string, unknown>>;

export interface OpenApiSource {
  readonly title: string;
  readonly description: string;
  /** Of the API, such as `v3`; services with microversions say the newest. */
  readonly apiVersion: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a document does not run handlers, so it does not care what they are given
  readonly routes: readonly AnyRoute<any>[];
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  readonly actionRoutes?: readonly ActionRoute<any, any>[];
  /** Routes outside the mount. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  readonly rootRoutes?: readonly AnyRoute<any>[];
  /** Prefix of every route but those. */
  readonly mount?: string;
  readonly microversions?: MicroversionScheme;
}

/**
 * The OpenAPI 3.1 document of a service, from the tables it runs by. Everything is shown as it is at the newest microversion it exists in; what came or went says
 * when, as `x-openstack-microversions`. Depends on nothing but its source, so that the same tables give the same text.
 */
export function openApi(source: OpenApiSource): Json {
  const { microversions: scheme, mount = '' } = source;
  const newest = scheme === undefined ? 0 : version(scheme.max);
  const schemas: Record<string, Json> = {};
  const context: Context = { scheme, newest, schemas };
  const operations = [
    ...(source.rootRoutes ?? []).map((route) => ({ path: route.path, route })),
    ...source.routes.map((route) => ({ path: `${mount}${route.path}` || '/', route })),
  ];
  const paths: Record<string, Record<string, Json>> = {};
  for (const [endpoint, variants] of Map.groupBy(operations, ({ path, route }) => `${route.method} ${path}`)) {
    const [{ path }] = variants as [(typeof variants)[number]];
    const [method = ''] = endpoint.split(' ');
    (paths[templated(path)] ??= {})[method.toLowerCase()] = operation(
      path,
      variants.map(({ route }) => route),
      context,
    );
  }
  for (const actions of source.actionRoutes ?? []) {
    const path = `${mount}${actions.path}`;
    (paths[templated(path)] ??= {})['post'] = actionOperation(path, actions, context);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: source.title,
      version: scheme?.max ?? source.apiVersion,
      description: source.description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths: sorted(paths),
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
      ...(scheme === undefined ? {} : { parameters: { microversion: microversionParameter(scheme) } }),
      ...(Object.keys(schemas).length === 0 ? {} : { schemas: sorted(schemas) }),
    },
  };
}

interface Context {
  readonly scheme: MicroversionScheme | undefined;
  readonly newest: Version;
  /** Schemas with a title of their own, met so far. */
  readonly schemas: Record<string, Json>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- as in OpenApiSource
type Route = AnyRoute<any>;

/** One endpoint; where it is several routes with windows, the newest of them, with the statuses of all. */
function operation(path: string, variants: readonly Route[], context: Context): Json {
  const route = variants.toSorted((a, b) => lastVersion(a, context.newest) - lastVersion(b, context.newest)).at(-1)!;
  const at = lastVersion(route, context.newest);
  const { body, query } = route;
  const responses = variants.flatMap((variant) => {
    const of = lastVersion(variant, context.newest);
    return [[String(variant.reply.status), { description: variant.summary, ...replyContent(variant, of, context) }] as const];
  });
  return {
    operationId: operationId(route.method, path),
    summary: route.summary,
    ...tagsOf(route.path),
    ...windowOf(route),
    ...policyOf(route.policy),
    parameters: [
      ...pathParameters(path),
      ...(query === undefined
        ? []
        : [...query.known(at)].map(([name, field]) => ({
            name,
            in: 'query',
            ...windowOf(field),
            schema: field.many === true ? { type: 'array', items: plain(field.type) } : plain(field.type),
          }))),
      ...(context.scheme === undefined ? [] : [{ $ref: '#/components/parameters/microversion' }]),
    ],
    ...(body === undefined ? {} : { requestBody: requestBody(body, at, context) }),
    responses: {
      ...Object.fromEntries(responses.toSorted(([a], [b]) => a.localeCompare(b))),
      default: { description: 'A refusal: a fault with its code and a message.' },
    },
  };
}

function requestBody(body: NonNullable<Route['body']>, at: Version, context: Context): Json {
  if (body === 'stream')
    return { required: true, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } };
  if (body === 'any') return { content: { 'application/json': { schema: {} } } };
  const schema = shared(body.schema.title, (v) => body.schema.schema(v), at, context);
  return {
    required: body.optional !== true,
    content: { 'application/json': { schema: body.key === undefined ? schema : envelope(body.key, schema) } },
  };
}

function replyContent({ reply }: Pick<Route, 'reply'>, at: Version, context: Context): Json {
  const { view, schema, key } = reply;
  if (reply.status === 204 || (view === undefined && schema === undefined)) return {};
  const shown = view === undefined ? plain(schema!) : shared(view.title, (v) => view.schema(v), at, context);
  return { content: { 'application/json': { schema: key === undefined ? shown : envelope(key, shown) } } };
}

/** `POST …/action`: one of several bodies, told apart by their only key. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in OpenApiSource
function actionOperation(path: string, { actions }: ActionRoute<any, any>, context: Context): Json {
  const bodies = actions.map((action) => {
    const at = lastVersion(action, context.newest);
    const { body } = action;
    return {
      title: action.summary,
      ...windowOf(action),
      ...policyOf(action.policy),
      ...envelope(action.key, body === undefined ? {} : shared(body.title, (v) => body.schema(v), at, context)),
    };
  });
  const responses = actions.map((action) => [String(action.reply.status), { description: 'Done, or accepted.' }] as const);
  return {
    operationId: operationId('POST', path),
    summary: 'Do something to it',
    ...tagsOf(path),
    parameters: [...pathParameters(path), ...(context.scheme === undefined ? [] : [{ $ref: '#/components/parameters/microversion' }])],
    requestBody: { required: true, content: { 'application/json': { schema: { oneOf: bodies } } } },
    responses: {
      ...Object.fromEntries(responses.toSorted(([a], [b]) => a.localeCompare(b))),
      default: { description: 'A refusal: a fault with its code and a message.' },
    },
  };
}

const envelope = (key: string, schema: Json): Json => ({ type: 'object', required: [key], properties: { [key]: schema } });

/** A schema under its title among the components, unless another one already has it. Keys that came later than the API say when. */
function shared(title: string, schemaAt: (at: Version) => TSchema, at: Version, context: Context): Json {
  const schema = dated(schemaAt, at, context.scheme);
  const known = context.schemas[title];
  if (known === undefined) context.schemas[title] = schema;
  else if (JSON.stringify(known) !== JSON.stringify(schema)) return schema;
  return { $ref: `#/components/schemas/${encodeURIComponent(title)}` };
}

function dated(schemaAt: (at: Version) => TSchema, at: Version, scheme: MicroversionScheme | undefined): Json {
  const schema = plain(schemaAt(at));
  const { properties } = schema as { readonly properties?: Readonly<Record<string, Json>> };
  if (scheme === undefined || properties === undefined) return schema;
  const keysAt = (v: Version): readonly string[] => Object.keys((plain(schemaAt(v)) as { readonly properties?: Json }).properties ?? {});
  const since = new Map<string, Version>();
  for (let v = at; v >= version(scheme.min); v--)
    for (const key of keysAt(v)) if (since.get(key) === undefined || since.get(key) === v + 1) since.set(key, v);
  const marked = Object.entries(properties).map(([key, property]) => {
    const first = since.get(key) ?? at;
    return [key, first === version(scheme.min) ? property : { ...property, 'x-openstack-microversions': { since: formatVersion(first) } }];
  });
  return { ...schema, properties: Object.fromEntries(marked) };
}

/** The last version at which something exists. */
const lastVersion = ({ until }: Window, newest: Version): Version => (until === undefined ? newest : Math.min(newest, version(until)));

const windowOf = ({ since, until }: Window): Json =>
  since === undefined && until === undefined
    ? {}
    : { 'x-openstack-microversions': { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) } };

const policyOf = (policy: string): Json => (policy === 'public' ? { security: [] } : { 'x-openstack-policy': policy });

/** Fastify's `/servers/:serverId` as `/servers/{serverId}`. */
const templated = (path: string): string => path.replaceAll(/:(\w+)(\([^)]*\))?/g, '{$1}');

const pathParameters = (path: string): readonly Json[] =>
  [...templated(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));

/** The first word of a path that is neither a version nor a parameter. */
function tagsOf(path: string): Json {
  const word = path.split('/').find((part) => part !== '' && !/^v\d/.test(part) && !part.startsWith(':'));
  return word === undefined ? {} : { tags: [word] };
}

/** `get_servers_by-serverId`: unique, because a path and a method are. */
const operationId = (method: string, path: string): string => {
  const parts = templated(path)
    .split('/')
    .map((part) => part.replaceAll(/\{(\w+)\}/g, 'by-$1').replaceAll(/[^A-Za-z0-9_]/g, '-'));
  return `${method.toLowerCase()}${parts.join('_')}`;
};

const microversionParameter = ({ serviceType, min, max }: MicroversionScheme): Json => ({
  name: 'OpenStack-API-Version',
  in: 'header',
  description: `\`${serviceType} X.Y\` from ${min} to ${max}, or \`${serviceType} latest\`; ${min} without it.`,
  schema: { type: 'string' },
});

/** Nothing but JSON of a schema. */
const plain = (schema: TSchema): Json => JSON.parse(JSON.stringify(schema));

const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
