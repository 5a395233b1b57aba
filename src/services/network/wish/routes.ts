import { Type } from 'typebox';
import type { HostReport } from '../../../contracts/network-agent.ts';
import { invalid } from '../../../lib/errors.ts';
import { digits, versionedQuery } from '../../../lib/http/query.ts';
import { Reply } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { route } from '../deps.ts';
import { takeReport } from './take-report.ts';

const Report = plainBody(
  'HostReport',
  Type.Object({
    revision: Type.Integer({ minimum: 0 }),
    wiredPortIds: Type.Array(Type.String({ maxLength: 36 }), { maxItems: 100_000 }),
    problems: Type.Array(Type.Object({ resource: Type.String(), id: Type.String(), message: Type.String() }), { maxItems: 10_000 }),
    agent: Type.Object({ configurations: Type.Record(Type.String(), Type.Unknown()) }),
  }),
);

const hostName = (text: string): string => {
  if (!/^[A-Za-z0-9._-]{1,255}$/.test(text)) throw invalid('This is not the name of a host.', { code: 'InvalidInput' });
  return text;
};

/** How agents and this service talk (`contracts/network-agent.ts`). */
export const wishRoutes = [
  route({
    method: 'GET',
    path: '/kilonova/v1/agents/:host/wish',
    summary: 'Wait for the wish of a host',
    policy: 'kilonova:agent_wire',
    query: versionedQuery({ after: { type: Type.Union([digits, Type.Literal('-1')]) } }),
    reply: { status: 200 },
    async handle({ params, query, ctx, deps }) {
      const host = hostName(params.host);
      if (await deps.liveness.heard(host)) deps.placing.nudge();
      return deps.wishes.wait(host, Number(query.after ?? '-1'), ctx.signal);
    },
  }),
  route({
    method: 'PUT',
    path: '/kilonova/v1/agents/:host/report',
    summary: 'Report what a host is like',
    policy: 'kilonova:agent_wire',
    body: { schema: Report },
    reply: { status: 204 },
    async handle({ params, body, deps }) {
      const host = hostName(params.host);
      await deps.liveness.heard(host);
      await takeReport(deps, host, body as HostReport);
      return new Reply(204);
    },
  }),
];
