import type { IncomingHttpHeaders } from 'node:http';
import type { Log } from '../log.ts';
import type { Policy } from '../policy/policy.ts';
import type { OnceOnly } from './answer-once.ts';
import type { Caller } from './caller.ts';
import type { CorsSettings } from './cors.ts';
import type { FaultFormat } from './fault-format.ts';
import type { MicroversionScheme } from './microversion.ts';
import type { ActionRoute, AnyRoute } from './route.ts';

/** A prefix that routes are served under. */
export interface Mount {
  readonly prefix: string;
  /** Frozen as the API was before microversions: served at the least one, headers of versions neither read nor told, bodies read leniently. */
  readonly legacy?: true;
}

/** A service as tables and what they need; `createService` makes an application of it. */
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
