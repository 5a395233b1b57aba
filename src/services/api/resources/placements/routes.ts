import type { Decision } from '../../../../domain/decision.ts';
import { notFound } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, isTruthy, versionedQuery } from '../../../../lib/http/query.ts';
import type { VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { findDecision, newestDecisions } from '../../../../store/decisions.ts';
import { route } from '../../deps.ts';
import { computeMicroversions } from '../../microversions.ts';
import { CreateServerRequest } from '../servers/bodies.ts';
import { readRequest } from '../servers/read-request.ts';

/** Outside the mounts there are no versions: a server is described as at the newest one. */
const newest = version(computeMicroversions.max);
type ServerRequest = typeof CreateServerRequest extends VersionedBody<infer Body> ? Body : never;
const ExplainPlacement: VersionedBody<ServerRequest> = { title: 'ExplainPlacement', schema: () => CreateServerRequest.schema(newest) };

const mostDecisions = 1000;

/** Where servers are placed and why: what the scheduler decided, and what it would decide. Beside the Compute API, outside its mounts and versions. */
export const placementRoutes = [
  route({
    method: 'POST',
    path: '/kilonova/v1/placements::explain', // a colon, as the router writes it
    summary: 'Say where a server would fit, and why not elsewhere; nothing is made',
    policy: 'kilonova:placements:explain',
    body: { schema: ExplainPlacement },
    reply: { status: 200 },
    async handle({ body, ctx, deps }) {
      const hints = body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {};
      const { spec } = await readRequest(deps, { ...ctx, caller: ctx.caller, version: newest }, body.server, hints);
      return deps.scheduler.explain({ spec }, { signal: ctx.signal, timeoutMs: 60_000 });
    },
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/decisions',
    summary: 'List what the scheduler decided, newest first',
    policy: 'kilonova:inspect',
    query: versionedQuery({ limit: { type: digits }, failed: { type: anyText } }),
    reply: { status: 200 },
    handle: async ({ query, deps }): Promise<{ decisions: readonly Decision[] }> => ({
      decisions: (
        await newestDecisions(deps.stores.api, {
          limit: Math.min(Number(query.limit ?? 100), mostDecisions),
          failed: isTruthy(query.failed),
        })
      ).map((decision) => ({ ...decision, explanation: decision.explanation === null ? null : { ...decision.explanation, hosts: [] } })),
    }),
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/decisions/:id',
    summary: 'Show a decision of the scheduler, by its own id or that of a server or a request',
    policy: 'kilonova:inspect',
    reply: { status: 200 },
    handle: async ({ params, deps }): Promise<Decision> => {
      const decision = await findDecision(deps.stores.api, params.id);
      if (decision === null) throw notFound(`Decision ${params.id} could not be found.`);
      return decision;
    },
  }),
];
