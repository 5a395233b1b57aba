import { randomUUID } from 'node:crypto';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { notFound } from '../errors.ts';
import { urlWithoutSecrets } from '../secrets.ts';
import { answerOnce, idempotencyKeyOf } from './answer-once.ts';
import type { Caller } from './caller.ts';
import { corsHeaders, isPreflight } from './cors.ts';
import { drain } from './drain.ts';
import { goneForGood, type Answer } from './fault-format.ts';
import { HttpError } from './http-error.ts';
import { parseJson, readBody } from './json-body.ts';
import { isWithin, type Version } from './microversion.ts';
import { mountsOf } from './mounts.ts';
import { answerRaw, presentable, refusalOfUnreadable } from './presentable.ts';
import { hasBody, inputReader, lengthOf } from './read-input.ts';
import { authorityOf, baseUrlOf, needsToken, requestContext } from './request-context.ts';
import type { ActionRoute, AnyRoute, RequestContext, StreamBody } from './route.ts';
import { send, toAnswer } from './send.ts';
import type { ServiceSpec } from './service-spec.ts';
import { refuseUnstorableUrl } from './storable.ts';

const defaultMaxBodyBytes = 1_048_576;

/** Builds the HTTP application of a service from its tables. It listens nowhere yet; `inject()` serves tests. */
export function createService<Deps>(spec: ServiceSpec<Deps>): FastifyInstance {
  const mounts = mountsOf(spec.mounts);
  const input = inputReader(spec);
  const maxBodyBytes = spec.maxBodyBytes ?? defaultMaxBodyBytes;
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

  for (const route of spec.rootRoutes ?? []) {
    app.route({ method: route.method, url: route.path, handler: (request, reply) => serve(request, reply, [route]) });
  }
  for (const { prefix } of mounts.all) {
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
    const requestId = newRequestId(reply);
    const { method, headers } = request;
    if (spec.authenticatesFirst === true && mounts.reach(path) && (await spec.authenticate(headers)) === null)
      return send(reply, spec.faults.fault(needsToken(), { accept: accept(request), requestId, version: null }));
    const [authority, baseUrl] = [authorityOf(request), baseUrlOf(request, spec.linkPrefix)];
    return send(reply, spec.faults.unmatched({ accept: accept(request), method, path, authority, baseUrl, requestId, headers }));
  });
  app.setErrorHandler(refuse);

  function tellRequestId(reply: FastifyReply, requestId: string): void {
    for (const name of spec.requestIdHeaders ?? ['x-openstack-request-id']) void reply.header(name, requestId);
  }
  function newRequestId(reply: FastifyReply): string {
    const requestId = `req-${randomUUID()}`;
    tellRequestId(reply, requestId);
    return requestId;
  }

  /** Answers what went wrong as the service's own fault; what is our doing is logged. */
  function answerFault(
    error: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
    { requestId, version }: { readonly requestId: string; readonly version: Version | null },
  ): Promise<FastifyReply> {
    drain(request.raw);
    const answer = spec.faults.fault(presentable(error), { accept: accept(request), requestId, version });
    if (answer.status >= 500)
      spec.log.error({ err: error, requestId, method: request.method, url: urlWithoutSecrets(request.url) }, 'request failed');
    return send(reply, answer);
  }

  /** Answers a request that never came to a route of ours. */
  async function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return answerFault(error, request, reply, { requestId: newRequestId(reply), version: null });
  }

  /** Runs a request from its headers to its answer; every failure on the way becomes the service's own fault. */
  async function around(
    request: FastifyRequest,
    reply: FastifyReply,
    isPublic: boolean,
    work: (ctx: RequestContext, caller: Caller | null) => Promise<Answer>,
  ): Promise<FastifyReply> {
    const requestId = newRequestId(reply);
    const started = performance.now();
    let version: Version | null = null;
    try {
      const caller = await spec.authenticate(request.headers);
      if (caller === null && !isPublic) throw needsToken();
      const ctx = requestContext(spec, mounts, request, reply, { requestId, caller });
      ({ version } = ctx);
      return await send(reply, await work(ctx, caller));
    } catch (error) {
      return await answerFault(error, request, reply, { requestId, version });
    } finally {
      if (spec.log.isLevelEnabled('debug')) {
        const ms = Math.round(performance.now() - started);
        spec.log.debug({ requestId, method: request.method, url: urlWithoutSecrets(request.url), status: reply.statusCode, ms }, 'request');
      }
    }
  }

  const serve = (request: FastifyRequest, reply: FastifyReply, variants: readonly AnyRoute<Deps>[]): Promise<FastifyReply> =>
    around(request, reply, variants[0]?.policy === 'public', async (ctx, caller) => {
      const params = request.params as Record<string, string>;
      refuseUnstorableUrl(params, ctx.rawQuery);
      const route = variants.find((candidate) => spec.microversions === undefined || isWithin(candidate, ctx.version));
      if (route?.body !== 'stream' && route?.body !== 'any') input.checkContentType(request, typeof route?.body === 'object');
      const early = spec.judgesBodyLast === true && route !== undefined ? await admit(route, { params, body: undefined, ctx }) : null;
      const sent =
        route === undefined || route.body === 'stream' || !hasBody(request)
          ? undefined
          : await readBody(request.raw, maxBodyBytes, lengthOf(request));
      const json = sent === undefined || route?.body === 'any' ? undefined : parseJson(sent, spec.faults.malformedBody);
      mounts.checkProject(params, caller);
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
    const query = input.query(ctx.rawQuery, route.query, ctx.version);
    const body: unknown =
      route.body === 'stream' ? streamBody(request) : route.body === 'any' ? sent : input.envelope(json, route.body, ctx);
    const { loaded } = early ?? (await admit(route, { params, body, ctx }));
    return toAnswer(await route.handle({ params, query, body, loaded, ctx, deps: spec.deps }), route.reply, ctx);
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
    tellRequestId(reply, requestId);
    return answer;
  }

  /** Finds what the path names and asks the policy about it; a rule without a target is asked first. */
  async function admit(
    route: AnyRoute<Deps>,
    { params, body, ctx }: { readonly params: Record<string, string>; readonly body: unknown; readonly ctx: RequestContext },
  ): Promise<{ readonly loaded: unknown }> {
    const guarded = route.policy !== 'public' && route.policy !== 'authenticated';
    if (guarded && spec.judgesBodyLast === true && route.target === undefined) ctx.authorize(route.policy);
    const query = input.query(ctx.rawQuery, route.query, ctx.version);
    const loaded: unknown = await route.load?.({ params, query, body, ctx, deps: spec.deps });
    if (guarded) ctx.authorize(route.policy, loaded === undefined ? undefined : route.target?.(loaded));
    return { loaded };
  }

  const serveAction = (
    request: FastifyRequest,
    reply: FastifyReply,
    { actions, retired = [], load, target }: ActionRoute<Deps, unknown>,
  ): Promise<FastifyReply> =>
    around(request, reply, false, async (ctx, caller) => {
      refuseUnstorableUrl(request.params as Record<string, string>, '');
      input.checkContentType(request, true);
      const json = parseJson(await readBody(request.raw, maxBodyBytes, lengthOf(request)));
      if (json !== undefined && (typeof json !== 'object' || json === null || Array.isArray(json)))
        throw notFound('The resource could not be found.');
      const keys = Object.keys(json ?? {});
      if (keys.length !== 1) throw new HttpError(400, 'Malformed request body');
      const [key = ''] = keys;
      if (retired.includes(key)) throw goneForGood();
      const named = actions.filter((action) => action.key === key);
      if (named.length === 0) throw new HttpError(400, `There is no such action: ${key}`);
      const params = request.params as Record<string, string>;
      mounts.checkProject(params, caller);
      const action = named.find((candidate) => isWithin(candidate, ctx.version));
      if (action === undefined) throw notFound('The resource could not be found.');
      const sent = (json as Record<string, unknown>)[key];
      return once(request, reply, ctx, { content: json, status: action.reply.status }, async (within) => {
        const body = action.body === undefined ? sent : input.body(sent, action.body.schema(ctx.version), [key], ctx);
        const loaded = await load({ params, ctx: within, deps: spec.deps });
        within.authorize(action.policy, target(loaded));
        const given = { params, query: undefined, body, loaded, ctx: within, deps: spec.deps };
        return toAnswer(await action.handle(given), action.reply, within);
      });
    });

  return app;
}

/** Routes that share method and path are the variants of one endpoint at different microversions. */
function groupByEndpoint<Deps>(routes: readonly AnyRoute<Deps>[]): AnyRoute<Deps>[][] {
  return [...Map.groupBy(routes, ({ method, path }) => `${method} ${path}`).values()];
}

const accept = (request: FastifyRequest): string => request.headers.accept ?? '';
const streamBody = (request: FastifyRequest): StreamBody => ({
  stream: request.raw,
  contentType: request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '',
  length: lengthOf(request),
});

/** Starts listening; port 0 lets the system choose. Answers the port. */
export async function listen(app: FastifyInstance, options: { readonly host: string; readonly port: number }): Promise<number> {
  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : options.port;
}
