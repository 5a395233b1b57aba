import type { Readable } from 'node:stream';
import type { TSchema } from 'typebox';
import type { PolicyTarget } from '../policy/policy.ts';
import type { Caller } from './caller.ts';
import type { Version, Window } from './microversion.ts';
import type { VersionedQuery } from './query.ts';
import type { VersionedBody } from './versioned-body.ts';
import type { VersionedView, Viewer } from './versioned-view.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What is known of a request before its handler runs. */
export interface RequestContext extends Viewer {
  /** `req-<uuid>`, as the answer's header says. */
  readonly requestId: string;
  /** The id a caller gave in `X-Openstack-Request-Id`, for logs and requests to other services. */
  readonly globalRequestId: string | null;
  readonly version: Version;
  /** Throws 401 on routes that need no token and got none. */
  readonly caller: Caller;
  readonly anonymous: boolean;
  /** Scheme, authority and mount prefix of the request, without a slash at the end: what links begin with. */
  readonly baseUrl: string;
  /** The mount the request came through, such as `/v2.1` or `/v2.1/<project>`. */
  readonly mount: string;
  /** Whether that mount is a legacy one, frozen before microversions. */
  readonly legacy: boolean;
  readonly method: string;
  /** Path below the mount, without the query. */
  readonly path: string;
  /** The query as it came, undecoded and without `?`. */
  readonly rawQuery: string;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly signal: AbortSignal;
  /** Whether the policy allows `rule` for this target (the caller's own project when left out). */
  can(rule: string, target?: PolicyTarget): boolean;
  /** The same, throwing 403. */
  authorize(rule: string, target?: PolicyTarget): void;
  /** Under an idempotency key: keeps what will be answered, before what is asked for is carried out. */
  readonly intend?: (answer: {
    readonly status: number;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  }) => Promise<void>;
  /** Sets a header of the answer. */
  setHeader(name: string, value: string): void;
}

type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;
/** The parameters a path names, as text: `/servers/:serverId` has `serverId`. */
export type PathParams<Path extends string> = { readonly [K in ParamNames<Path>]: string };

export interface RouteInput<Params, Query, Body, Loaded, Deps> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** What the route's `load` found. */
  readonly loaded: Loaded;
  readonly ctx: RequestContext;
  readonly deps: Deps;
}

/** An answer that the route's table cannot say: another status, a stream, headers. */
export class Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export interface RouteReply<Result> {
  readonly status: number;
  /** The envelope: `{ [key]: … }`. */
  readonly key?: string;
  /** Renders the handler's result; without one the result is the body as it is. */
  readonly view?: VersionedView<Result>;
  /** The body's schema where there is no view, for OpenAPI. */
  readonly schema?: TSchema;
}

export interface RouteSpec<Deps, Rule extends string, Path extends string, Query, Body, Loaded, Result> extends Window {
  readonly method: Method;
  readonly path: Path;
  readonly summary: string;
  /** The rule that guards it; `public` needs no token, `authenticated` any valid one. */
  readonly policy: Rule | 'public' | 'authenticated';
  /** Finds what the path names, before the policy is asked, so that its owner is the rule's target. */
  readonly load?: (input: Omit<RouteInput<PathParams<Path>, Query, Body, undefined, Deps>, 'loaded'>) => Promise<Loaded>;
  readonly target?: (loaded: Loaded) => PolicyTarget;
  readonly query?: VersionedQuery<Query>;
  /** JSON, in an envelope where `key` is given; `stream` hands the handler the raw body. */
  readonly body?: { readonly key?: string; readonly schema: VersionedBody<Body>; readonly optional?: boolean } | 'stream' | 'any';
  /** Whether an `Idempotency-Key` has it carried out once; actions always are. */
  readonly onceOnly?: true;
  readonly reply: RouteReply<Result>;
  readonly handle: (input: RouteInput<PathParams<Path>, Query, Body, Loaded, Deps>) => Promise<Result | Reply> | Result | Reply;
}

/** A route whose own types have been checked and forgotten. */
// oxlint-disable-next-line typescript/no-explicit-any -- the one place where handlers of all shapes meet
export type AnyRoute<Deps> = RouteSpec<Deps, string, string, any, any, any, any>;

/** Makes the `route` function of one service: its rules and what its handlers are given are fixed here. */
export const routeFactory =
  <Deps, Rule extends string>() =>
  <const Path extends string, Query = Readonly<Record<string, never>>, Body = undefined, Loaded = undefined, Result = unknown>(
    spec: RouteSpec<Deps, Rule, Path, Query, Body, Loaded, Result>,
  ): AnyRoute<Deps> =>
    spec;

/** One action of `POST …/action`: which is meant is the body's only key. */
export interface ActionSpec<Deps, Rule extends string, Body, Loaded, Result> extends Window {
  readonly key: string;
  readonly summary: string;
  readonly policy: Rule;
  /** The schema of the value under the key; anything when left out. */
  readonly body?: VersionedBody<Body>;
  readonly reply: RouteReply<Result>;
  readonly handle: (
    input: RouteInput<Readonly<Record<string, string>>, undefined, Body, Loaded, Deps>,
  ) => Promise<Result | Reply> | Result | Reply;
}
// oxlint-disable-next-line typescript/no-explicit-any -- as AnyRoute
export type AnyAction<Deps, Loaded> = ActionSpec<Deps, string, any, Loaded, any>;

/** Makes the `action` function of one service and one kind of resource. */
export const actionFactory =
  <Deps, Rule extends string, Loaded>() =>
  <Body = unknown, Result = unknown>(spec: ActionSpec<Deps, Rule, Body, Loaded, Result>): AnyAction<Deps, Loaded> =>
    spec;

/** All actions on one path, which answer as one route. */
export interface ActionRoute<Deps, Loaded> {
  readonly path: string;
  readonly load: (input: {
    readonly params: Readonly<Record<string, string>>;
    readonly ctx: RequestContext;
    readonly deps: Deps;
  }) => Promise<Loaded>;
  readonly target: (loaded: Loaded) => PolicyTarget;
  readonly actions: readonly AnyAction<Deps, Loaded>[];
  /** Keys of actions that are withdrawn for good: 410, whatever is named. */
  readonly retired?: readonly string[];
}

/** A streamed body, for routes with `body: 'stream'`. */
export interface StreamBody {
  readonly stream: Readable;
  readonly contentType: string;
  readonly length: number | undefined;
}
