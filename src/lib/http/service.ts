import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { forbidden, gone, type KilonovaError, notFound, unauthenticated } from '../errors.ts';
import type { Log } from '../log.ts';
import { urlWithoutSecrets } from '../secrets.ts';
import type { Policy } from '../policy/policy.ts';
import { answerOnce, idempotencyKeyOf, type OnceOnly } from './answer-once.ts';
import type { Caller } from './caller.ts';
import { corsHeaders, isPreflight, type CorsSettings } from './cors.ts';
import { drain } from './drain.ts';
import { HttpError } from './http-error.ts';
import { parseJson, readBody } from './json-body.ts';
import { lenientSchema, readLeniently } from './lenient-body.ts';
import { isWithin, negotiate, version as versionNumber, type MicroversionScheme, type Negotiated, type Version } from './microversion.ts';
import { answerRaw, presentable, refusalOfUnreadable } from './presentable.ts';
import { Reply, type ActionRoute, type AnyRoute, type RequestContext, type RouteReply, type StreamBody } from './route.ts';
import { refuseUnstorableUrl } from './storable.ts';
import { quote, validatorOf, type Issue } from './validation.ts';
import type { VersionedQuery } from './query.ts';

/** What an answer is made of. A string or bytes go out as they are, anything else as JSON. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** How one service words its refusals. */
export interface FaultFormat {
  /** The answer for anything thrown; it must not show more of an unexpected error than its class. */
  fault(error: unknown, request: { readonly accept: string; readonly requestId: string; readonly version: Version | null }): Answer;
  /** The answer for a path or method that nobody serves. */
  unmatched(request: {
    readonly accept: string;
    readonly method: string;
    readonly path: string;
    readonly authority: string;
    /** What links begin with. */
    readonly baseUrl: string;
    readonly requestId: string;
    readonly headers: IncomingHttpHeaders;
  }): Answer;
  /** The message of a body or a query that does not fit its schema. */
  invalidInput(issue: Issue, where: 'body' | 'query'): string;
  readonly policyRefusal?: (rule: string) => string;
  /** The refusal of a body whose content type is not one of `bodyTypes`; with one, a route that takes JSON insists on the header (null when it is missing). */
  readonly unsupportedType?: (type: string | null, bodyLength: number | undefined) => Error;
  /** The message of a body that is no JSON. */
  readonly malformedBody?: string;
}

/** A prefix that routes are served under. */
export interface Mount {
  readonly prefix: string;
  /** Frozen as the API was before microversions: served at the least one, headers of versions neither read nor told, bodies read leniently. */
  readonly legacy?: true;
}

export interface ServiceSpec<Deps> {
  readonly name: string;
  readonly routes: readonly AnyRoute<Deps>[];
  // oxlint-disable-next-line typescript/no-explicit-any -- action routes of several resources stand in one list
  readonly actionRoutes?: readonly ActionRoute<Deps, any>[];
  /** Routes outside the mounts, such as version documents. What no mount is a prefix of has no microversions. */
  readonly rootRoutes?: readonly AnyRoute<Deps>[];
  /** Prefixes every route is served under; a `:projectId` in one must be the caller's. Default: none. */
  readonly mounts?: readonly (string | Mount)[];
  readonly microversions?: MicroversionScheme;
  readonly faults: FaultFormat;
  readonly policy: Policy;
  /** Verifies `X-Auth-Token` (and `X-Service-Token`); null when there is none or it is no good. */
  readonly authenticate: (headers: IncomingHttpHeaders) => Promise<Caller | null>;
  readonly deps: Deps;
  readonly log: Log;
  /** Limit of a body that is read whole, in bytes. */
  readonly maxBodyBytes?: number;
  /** Content types a JSON body may come as; others are refused with 415. Default: JSON, text/plain and none. */
  readonly bodyTypes?: readonly string[];
  /** Headers of every answer, besides those of the microversion. */
  readonly requestIdHeaders?: readonly string[];
  /** Asks the policy and looks for what the path names before the body is read; by default a body is judged first, as Nova does. */
  readonly judgesBodyLast?: boolean;
  /** Refuses keys beside the one a body's content stands under; by default they are ignored. */
  readonly refusesOtherKeys?: boolean;
  /** Pages of which other origins may ask; without it browsers hide every answer from them. */
  readonly cors?: CorsSettings;
  /** Asks for a token before it says that a path below a mount is unknown. */
  readonly authenticatesFirst?: boolean;
  /** Has requests that carry an `Idempotency-Key` carried out once, on routes that say so and for all actions. */
  readonly onceOnly?: OnceOnly;
  /** Prepended to links where the service stands behind a proxy (`compute_link_prefix`). */
  readonly linkPrefix?: string;
}

const defaultBodyTypes = ['application/json', 'text/plain'];
const requestIdForm = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Builds the HTTP application of a service from its tables. It listens nowhere yet; `inject()` serves tests. */
export function createService<Deps>(spec: ServiceSpec<Deps>): FastifyInstance {
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 1024, caseSensitive: true, ignoreTrailingSlash: false },
    forceCloseConnections: true,
    keepAliveTimeout: 75_000,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
    clientErrorHandler: (error, socket) =>
      answerRaw(socket, spec.faults.fault(refusalOfUnreadable(error), { accept: 'application/json', requestId: '', version: null })),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload)); // each route reads its body itself, within its limit

  // the router lets a parameter be empty, so that `/things/` would be a thing without an id
  app.addHook('onRequest', (request, reply, done) => {
    const params = Object.entries((request.params ?? {}) as Readonly<Record<string, string>>);
    if (params.some(([name, value]) => name !== '*' && value === '')) reply.callNotFound();
    else done();
  });

  const { cors } = spec;
  if (cors !== undefined && cors.allowedOrigins.length > 0) {
    app.addHook('onRequest', async (request, reply) => {
      void reply.headers(corsHeaders(cors, request));
      if (isPreflight(request)) await reply.code(200).send();
    });
  }

  const mounts = (spec.mounts ?? ['']).map((mount): Mount => (typeof mount === 'string' ? { prefix: mount } : mount));
  for (const route of spec.rootRoutes ?? []) {
    app.route({ method: route.method, url: route.path, handler: (request, reply) => serve(request, reply, [route]) });
  }
  for (const { prefix } of mounts) {
    for (const group of groupByEndpoint(spec.routes)) {
      const first = group[0]!;
      app.route({ method: first.method, url: `${prefix}${first.path}` || '/', handler: (request, reply) => serve(request, reply, group) });
    }
    for (const actions of spec.actionRoutes ?? []) {
      app.post(`${prefix}${actions.path}`, (request, reply) => serveAction(request, reply, actions));
    }
  }
  app.setNotFoundHandler(async (request, reply) => {
    drain(request.raw);
    const path = request.url.split('?')[0] ?? '/';
    const requestId = `req-${randomUUID()}`;
    for (const name of spec.requestIdHeaders ?? ['x-openstack-request-id']) void reply.header(name, requestId);
    const { method, headers } = request;
    if (spec.authenticatesFirst === true && isBelowMount(path) && (await spec.authenticate(headers)) === null) {
      const error = unauthenticated('The request you have made requires authentication.');
      return send(reply, spec.faults.fault(error, { accept: accept(request), requestId, version: null }));
    }
    return send(
      reply,
      spec.faults.unmatched({
        accept: accept(request),
        method,
        path,
        authority: authority(request),
        baseUrl: baseUrl(request),
        requestId,
        headers,
      }),
    );
  });
  app.setErrorHandler(refuse);

  const isBelowMount = (path: string): boolean =>
    mounts.some(({ prefix }) => !prefix.includes(':') && path.startsWith(`${prefix}/`) && path.length > prefix.length + 1);

  /** Answers a request that never came to a route of ours. */
  async function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    drain(request.raw);
    const requestId = `req-${randomUUID()}`;
    for (const name of spec.requestIdHeaders ?? ['x-openstack-request-id']) void reply.header(name, requestId);
    const answer = spec.faults.fault(presentable(error), { accept: accept(request), requestId, version: null });
    if (answer.status >= 500)
      spec.log.error({ err: error, requestId, method: request.method, url: urlWithoutSecrets(request.url) }, 'request failed');
    return send(reply, answer);
  }

  /** Runs a request from its headers to its answer; every failure on the way becomes the service's own fault. */
  async function around(
    request: FastifyRequest,
    reply: FastifyReply,
    isPublic: boolean,
    work: (setUp: SetUp) => Promise<Answer>,
  ): Promise<FastifyReply> {
    const requestId = `req-${randomUUID()}`;
    for (const name of spec.requestIdHeaders ?? ['x-openstack-request-id']) void reply.header(name, requestId);
    const started = performance.now();
    let version: Version | null = null;
    try {
      const setUp = await prepare(request, reply, requestId, isPublic);
      version = setUp.ctx.version;
      return await send(reply, await work(setUp));
    } catch (error) {
      drain(request.raw);
      const answer = spec.faults.fault(presentable(error), { accept: accept(request), requestId, version });
      if (answer.status >= 500)
        spec.log.error({ err: error, requestId, method: request.method, url: urlWithoutSecrets(request.url) }, 'request failed');
      return await send(reply, answer);
    } finally {
      if (spec.log.isLevelEnabled('debug')) {
        const ms = Math.round(performance.now() - started);
        spec.log.debug({ requestId, method: request.method, url: urlWithoutSecrets(request.url), status: reply.statusCode, ms }, 'request');
      }
    }
  }

  const mountsByRoute = new Map<string, (typeof mounts)[number] | undefined>();

  interface SetUp {
    readonly ctx: RequestContext;
    readonly caller: Caller | null;
  }

  /** The mount a route belongs to, the longest that fits; asked of few routes, many times. */
  const mountOf = (matched: string): (typeof mounts)[number] | undefined => {
    if (!mountsByRoute.has(matched)) {
      const fitting = mounts.filter(({ prefix }) => matched.startsWith(prefix));
      mountsByRoute.set(matched, fitting.toSorted((a, b) => b.prefix.length - a.prefix.length)[0]);
    }
    return mountsByRoute.get(matched);
  };

  async function prepare(request: FastifyRequest, reply: FastifyReply, requestId: string, isPublic: boolean): Promise<SetUp> {
    const caller = await spec.authenticate(request.headers);
    const matched = request.routeOptions.url ?? '';
    if (caller === null && !isPublic) throw unauthenticated('The request you have made requires authentication.');
    const mounted = mountOf(matched);
    const legacy = mounted?.legacy === true;
    const negotiated = versionOf(request, mounted === undefined || legacy);
    for (const [name, value] of Object.entries(negotiated.headers)) void reply.header(name, value);
    const [path = '/', rawQuery = ''] = request.url.split('?', 2);
    const mount = path
      .split('/')
      .slice(0, (mounted?.prefix ?? '').split('/').length)
      .join('/');
    const abort = new AbortController();
    // the request closes as soon as it is read; the answer closes when it is sent, or when nobody waits for it any more
    reply.raw.once('close', () => (reply.raw.writableFinished ? undefined : abort.abort(new Error('the client went away'))));
    const globalId = request.headers['x-openstack-request-id'];
    const allowed = (rule: string, target?: Readonly<Record<string, unknown>>): boolean =>
      caller !== null && spec.policy.allows(rule, caller, target ?? { project_id: caller.projectId, user_id: caller.userId });
    const ctx: RequestContext = {
      requestId,
      globalRequestId: typeof globalId === 'string' && requestIdForm.test(globalId) ? globalId : null,
      version: negotiated.version,
      get caller() {
        if (caller === null) throw unauthenticated('The request you have made requires authentication.');
        return caller;
      },
      anonymous: caller === null,
      baseUrl: baseUrl(request),
      mount,
      legacy,
      method: request.method,
      path: path.slice(mount.length),
      rawQuery,
      remoteAddress: request.socket.remoteAddress ?? '',
      headers: request.headers,
      signal: abort.signal,
      can: allowed,
      authorize(rule, target) {
        if (!allowed(rule, target)) throw forbidden(spec.faults.policyRefusal?.(rule) ?? `Policy doesn't allow ${rule} to be performed.`);
      },
      setHeader: (name, value) => void reply.header(name, value),
    };
    return { ctx, caller };
  }

  const baseUrl = (request: FastifyRequest): string => spec.linkPrefix ?? `${request.protocol}://${authority(request)}`;

  function versionOf({ headers }: FastifyRequest, ignoresHeaders: boolean): Negotiated {
    if (spec.microversions === undefined) return { version: 0, headers: {} };
    return ignoresHeaders ? { version: versionNumber(spec.microversions.min), headers: {} } : negotiate(headers, spec.microversions);
  }

  function checkProject(params: Readonly<Record<string, string>>, caller: Caller | null): void {
    const inUrl = params['projectId'];
    if (inUrl === undefined || caller === null || !mounts.some(({ prefix }) => prefix.includes(':projectId'))) return;
    if (inUrl !== caller.projectId) {
      throw new HttpError(
        400,
        `Malformed request URL: URL's project_id '${inUrl}' doesn't match Context's project_id '${caller.projectId ?? ''}'`,
      );
    }
  }

  const serve = (request: FastifyRequest, reply: FastifyReply, variants: readonly AnyRoute<Deps>[]): Promise<FastifyReply> =>
    around(request, reply, variants[0]?.policy === 'public', async ({ ctx, caller }) => {
      const params = request.params as Record<string, string>;
      refuseUnstorableUrl(params, ctx.rawQuery);
      const route = variants.find((candidate) => spec.microversions === undefined || isWithin(candidate, ctx.version));
      if (route?.body !== 'stream' && route?.body !== 'any') checkContentType(request, typeof route?.body === 'object');
      const early = spec.judgesBodyLast === true && route !== undefined ? await admit(route, { params, body: undefined, ctx }) : null;
      const sent =
        route === undefined || route.body === 'stream' || !hasBody(request)
          ? undefined
          : await readBody(request.raw, spec.maxBodyBytes ?? 1_048_576, lengthOf(request));
      const json = sent === undefined || route?.body === 'any' ? undefined : parseJson(sent, spec.faults.malformedBody);
      checkProject(params, caller);
      if (route === undefined) throw notFound('The resource could not be found.');
      const rest = async (within: RequestContext): Promise<Answer> => carryOut(route, request, { params, json, sent, ctx: within, early });
      return route.onceOnly === true ? once(request, reply, ctx, { content: json, status: route.reply.status }, rest) : rest(ctx);
    });

  /** Judges what a request says, and has it done. */
  async function carryOut(
    route: AnyRoute<Deps>,
    request: FastifyRequest,
    {
      params,
      json,
      sent,
      ctx,
      early,
    }: {
      readonly params: Record<string, string>;
      readonly json: unknown;
      readonly sent: Buffer | undefined;
      readonly ctx: RequestContext;
      readonly early: { readonly loaded: unknown } | null;
    },
  ): Promise<Answer> {
    const query = readQuery(ctx.rawQuery, route.query, ctx.version);
    const body: unknown = route.body === 'stream' ? streamBody(request) : route.body === 'any' ? sent : readEnvelope(json, route.body, ctx);
    const { loaded } = early ?? (await admit(route, { params, body, ctx }));
    const input = { params, query, body, ctx, deps: spec.deps };
    return toAnswer(await route.handle({ ...input, loaded }), route.reply, ctx);
  }

  /** Carries a request out once for its key; the answer tells the id of the request that was carried out. */
  async function once(
    request: FastifyRequest,
    reply: FastifyReply,
    ctx: RequestContext,
    { content, status }: { readonly content: unknown; readonly status: number },
    run: (ctx: RequestContext) => Promise<Answer>,
  ): Promise<Answer> {
    const key = spec.onceOnly === undefined ? null : idempotencyKeyOf(ctx);
    if (spec.onceOnly === undefined || key === null) return run(ctx);
    const { log } = spec;
    const faultOf = (error: unknown): Answer =>
      spec.faults.fault(presentable(error), { accept: accept(request), requestId: ctx.requestId, version: ctx.version });
    const { requestId, ...answer } = await answerOnce(spec.onceOnly, { key, content, ctx, status, log }, run, faultOf);
    for (const name of spec.requestIdHeaders ?? ['x-openstack-request-id']) void reply.header(name, requestId);
    return answer;
  }

  /** Finds what the path names and asks the policy about it; a rule without a target is asked first. */
  async function admit(
    route: AnyRoute<Deps>,
    { params, body, ctx }: { readonly params: Record<string, string>; readonly body: unknown; readonly ctx: RequestContext },
  ): Promise<{ readonly loaded: unknown }> {
    const guarded = route.policy !== 'public' && route.policy !== 'authenticated';
    if (guarded && spec.judgesBodyLast === true && route.target === undefined) ctx.authorize(route.policy);
    const query = readQuery(ctx.rawQuery, route.query, ctx.version);
    const loaded: unknown = await route.load?.({ params, query, body, ctx, deps: spec.deps });
    if (guarded) ctx.authorize(route.policy, loaded === undefined ? undefined : route.target?.(loaded));
    return { loaded };
  }

  const serveAction = (
    request: FastifyRequest,
    reply: FastifyReply,
    { actions, retired = [], load, target }: ActionRoute<Deps, unknown>,
  ): Promise<FastifyReply> =>
    around(request, reply, false, async ({ ctx, caller }) => {
      refuseUnstorableUrl(request.params as Record<string, string>, '');
      checkContentType(request, true);
      const json = parseJson(await readBody(request.raw, spec.maxBodyBytes ?? 1_048_576, lengthOf(request)));
      if (json !== undefined && (typeof json !== 'object' || json === null || Array.isArray(json)))
        throw notFound('The resource could not be found.');
      const keys = Object.keys(json ?? {});
      if (keys.length !== 1) throw new HttpError(400, 'Malformed request body');
      const [key = ''] = keys;
      if (retired.includes(key)) throw goneForGood();
      const named = actions.filter((action) => action.key === key);
      if (named.length === 0) throw new HttpError(400, `There is no such action: ${key}`);
      const params = request.params as Record<string, string>;
      checkProject(params, caller);
      const action = named.find((candidate) => isWithin(candidate, ctx.version));
      if (action === undefined) throw notFound('The resource could not be found.');
      const sent = (json as Record<string, unknown>)[key];
      return once(request, reply, ctx, { content: json, status: action.reply.status }, async (within) => {
        const body = action.body === undefined ? sent : checkedBody(sent, action.body.schema(ctx.version), [key], ctx);
        const loaded = await load({ params, ctx: within, deps: spec.deps });
        within.authorize(action.policy, target(loaded));
        const input = { params, query: undefined, body, loaded, ctx: within, deps: spec.deps };
        return toAnswer(await action.handle(input), action.reply, within);
      });
    });

  function checkContentType(request: FastifyRequest, takesBody: boolean): void {
    const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
    if ((spec.bodyTypes ?? defaultBodyTypes).includes(type)) return;
    if (spec.faults.unsupportedType === undefined) {
      if (type !== '') throw new HttpError(415, 'Unsupported Content-Type');
    } else if (takesBody) throw spec.faults.unsupportedType(type === '' ? null : type, lengthOf(request));
  }

  function check(
    value: unknown,
    validator: { check(value: unknown): Issue | null },
    prefix: readonly string[],
    where: 'body' | 'query',
  ): void {
    const issue = validator.check(value);
    if (issue !== null) throw new HttpError(400, spec.faults.invalidInput({ ...issue, path: [...prefix, ...issue.path] }, where));
  }

  /** A body, or the part of it at `path`, as its handler is given it. */
  function checkedBody(value: unknown, schema: TSchema, path: readonly string[], { legacy }: RequestContext): unknown {
    const read = legacy ? readLeniently(value, schema) : value;
    check(read, validatorOf(legacy ? lenientSchema(schema) : schema), path, 'body');
    return read;
  }

  function readEnvelope(json: unknown, body: Exclude<AnyRoute<Deps>['body'], string>, ctx: RequestContext): unknown {
    if (body === undefined) return undefined;
    if (json === undefined && body.optional === true) return undefined;
    if (body.key === undefined) return checkedBody(json ?? null, body.schema.schema(ctx.version), [], ctx);
    const { key } = body;
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      const issue: Issue = {
        path: [],
        value: json ?? null,
        keyword: 'type',
        text: `${json === undefined ? 'None' : JSON.stringify(json).slice(0, 200)} is not of type 'object'`,
      };
      throw new HttpError(400, spec.faults.invalidInput(issue, 'body'));
    }
    if (!Object.hasOwn(json, key)) {
      throw new HttpError(
        400,
        spec.faults.invalidInput({ path: [], value: json, keyword: 'required', text: `'${key}' is a required property` }, 'body'),
      );
    }
    const others = Object.keys(json).filter((one) => one !== key);
    if (others.length > 0 && spec.refusesOtherKeys === true && !ctx.legacy) {
      const text = `Additional properties are not allowed (${others.map((one) => quote(one)).join(', ')} ${others.length === 1 ? 'was' : 'were'} unexpected)`;
      throw new HttpError(400, spec.faults.invalidInput({ path: [], value: json, keyword: 'additionalProperties', text }, 'body'));
    }
    return checkedBody((json as Record<string, unknown>)[key], body.schema.schema(ctx.version), [key], ctx);
  }

  function readQuery(raw: string, query: VersionedQuery<unknown> | undefined, at: number): unknown {
    if (query === undefined) return Object.fromEntries(new URLSearchParams(raw));
    const known = query.known(at);
    const values: Record<string, string | string[]> = {};
    for (const [name, value] of new URLSearchParams(raw)) {
      const field = known.get(name);
      if (field === undefined) {
        if (!query.refusesUnknown(at, name)) continue;
        throw new HttpError(
          400,
          spec.faults.invalidInput(
            {
              path: [],
              value,
              keyword: 'additionalProperties',
              text: `Additional properties are not allowed (${quote(name)} was unexpected)`,
            },
            'query',
          ),
        );
      }
      check(value, validatorOf(field.type), [name], 'query');
      if (field.many === true) values[name] = [...((values[name] as string[] | undefined) ?? []), value];
      else values[name] = value;
    }
    return values;
  }

  return app;
}

/** Routes that share method and path are the variants of one endpoint at different microversions. */
function groupByEndpoint<Deps>(routes: readonly AnyRoute<Deps>[]): AnyRoute<Deps>[][] {
  return [...Map.groupBy(routes, ({ method, path }) => `${method} ${path}`).values()];
}

function toAnswer(result: unknown, reply: RouteReply<unknown>, ctx: RequestContext): Answer {
  if (result instanceof Reply)
    return { status: result.status, headers: result.headers, ...(result.body === undefined ? {} : { body: result.body }) };
  const shown = reply.view === undefined ? result : reply.view.render(result, ctx);
  if (shown === undefined) return { status: reply.status };
  return { status: reply.status, body: reply.key === undefined ? shown : { [reply.key]: shown } };
}

async function send(reply: FastifyReply, { status, body, headers }: Answer): Promise<FastifyReply> {
  void reply.code(status);
  for (const [name, value] of Object.entries(headers ?? {})) void reply.header(name, value);
  if (body === undefined) return reply.send();
  if (typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable) return reply.send(body);
  if (!reply.hasHeader('content-type')) void reply.header('content-type', 'application/json');
  return reply.send(Buffer.from(JSON.stringify(body))); // as bytes, so that no charset is added to the type that OpenStack answers with
}

/** The refusal of what an API has withdrawn for good, at whatever version it is asked for. */
export const goneForGood = (): KilonovaError => gone('This resource is no longer available.  No forwarding address is given.');

const accept = (request: FastifyRequest): string => request.headers.accept ?? '';
const authority = (request: FastifyRequest): string => request.headers.host ?? 'localhost';
const lengthOf = (request: FastifyRequest): number | undefined => {
  const declared = request.headers['content-length'];
  return declared === undefined ? undefined : Number(declared);
};
/** A message without either header has no body (RFC 9112 §6.3). */
const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
const streamBody = (request: FastifyRequest): StreamBody => ({
  stream: request.raw,
  contentType: request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '',
  length: lengthOf(request),
});

/** The usual status of each kind of error; a service's fault format may choose others. */
export const statusOf: Readonly<Record<KilonovaError['kind'], number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  quota: 403,
  notFound: 404,
  conflict: 409,
  gone: 410,
  unsupported: 400,
  unavailable: 503,
  internal: 500,
};

/** Starts listening; port 0 lets the system choose. Answers the port. */
export async function listen(app: FastifyInstance, options: { readonly host: string; readonly port: number }): Promise<number> {
  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : options.port;
}
