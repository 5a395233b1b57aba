import type { AuditReport } from '../../../../contracts/conductor.ts';
import type { MoveSummary, SagaConsequences, SagaDetail, SagaOrdered } from '../../../../contracts/operator.ts';
import Type from 'typebox';
import { notFound } from '../../../../lib/errors.ts';
import { isTruthy, anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { activeStates } from '../../../../lib/saga/store.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { findSaga, newestSagas } from '../../../../store/sagas.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { hostSummaries } from './host-summaries.ts';
import { moveSummaries } from './move-summaries.ts';
import { openConsole } from './open-console.ts';
import { sagaDetail, sagaSummary } from './saga-views.ts';

/** An audit of many hosts takes its time. */
const auditTimeoutMs = 600_000;
const mostSagas = 1000;
/** Moves that have ended. */
const fewMoves = 20;
const mostMoves = 1000;

const audit = (method: 'GET' | 'POST', policy: 'kilonova:inspect' | 'kilonova:repair', summary: string) =>
  route({
    method,
    path: '/kilonova/v1/audit',
    summary,
    policy,
    reply: { status: 200 },
    handle: ({ ctx, deps }): Promise<AuditReport> =>
      deps.conductor.audit({ repair: method === 'POST' }, { timeoutMs: auditTimeoutMs, signal: ctx.signal }),
  });

/** The operator's window into the cloud, beside the Compute API and outside its mounts and versions. */
export const operatorRoutes = [
  audit('GET', 'kilonova:inspect', 'Look whether everything is as it must be'),
  audit('POST', 'kilonova:repair', 'Look, and repair what is safe'),
  route({
    method: 'GET',
    path: '/kilonova/v1/reconcilers',
    summary: 'List what the conductor keeps true',
    policy: 'kilonova:inspect',
    reply: { status: 200 },
    handle: ({ deps }) => deps.conductor.reconcilers({}),
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/sagas',
    summary: 'List operations that have not ended, or the newest of all',
    policy: 'kilonova:inspect',
    query: versionedQuery({ all: { type: anyText }, limit: { type: digits } }),
    reply: { status: 200 },
    handle: async ({ query, deps }) => {
      const limit = Math.min(Number(query.limit ?? mostSagas), mostSagas);
      const states = isTruthy(query.all) ? undefined : activeStates;
      const pages = await Promise.all(
        deps.stores
          .cells()
          .map(async ({ name, database }) =>
            (await newestSagas(database, limit, states)).map((saga) => sagaSummary(saga, name, deps.clock.now())),
          ),
      );
      return {
        sagas: pages
          .flat()
          .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
          .slice(0, limit),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/sagas/:sagaId',
    summary: 'Show an operation with its log',
    policy: 'kilonova:inspect',
    reply: { status: 200 },
    handle: ({ params, deps }): Promise<SagaDetail> => sagaOf(deps, params.sagaId),
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/sagas/:sagaId/consequences',
    summary: 'Say what would follow if an operation were forced',
    policy: 'kilonova:inspect',
    query: versionedQuery({ end: { type: anyText } }),
    reply: { status: 200 },
    handle: ({ params, query, ctx, deps }): Promise<SagaConsequences> =>
      deps.conductor.sagaConsequences(
        { sagaId: params.sagaId, order: isTruthy(query.end) ? 'end' : 'force' },
        { timeoutMs: auditTimeoutMs, signal: ctx.signal },
      ),
  }),
  route({
    method: 'POST',
    path: '/kilonova/v1/sagas/:sagaId/order',
    summary: 'Resume, undo, force or end an operation',
    policy: 'kilonova:sagas:order',
    body: {
      schema: plainBody(
        'OrderSaga',
        Type.Object({ order: Type.Enum(['resume', 'undo', 'force', 'end']) }, { additionalProperties: false }),
      ),
    },
    reply: { status: 200 },
    handle: ({ params, body, deps }): Promise<SagaOrdered> => deps.conductor.orderSaga({ sagaId: params.sagaId, order: body.order }),
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/moves',
    summary: 'List moves that have not ended, and the newest that have',
    policy: 'kilonova:inspect',
    query: versionedQuery({ ended: { type: digits } }),
    reply: { status: 200 },
    handle: async ({ query, deps }): Promise<{ moves: readonly MoveSummary[] }> => ({
      moves: await moveSummaries(deps, Math.min(Number(query.ended ?? fewMoves), mostMoves)),
    }),
  }),
  route({
    method: 'GET',
    path: '/kilonova/v1/hosts',
    summary: 'List compute hosts with what is on them',
    policy: 'kilonova:inspect',
    reply: { status: 200 },
    handle: async ({ deps }) => ({ hosts: await hostSummaries(deps) }),
  }),
  route({
    method: 'POST',
    path: '/kilonova/v1/console-sessions',
    summary: 'Open the console that a token permits',
    policy: 'kilonova:console-sessions:open',
    body: {
      schema: plainBody(
        'OpenConsole',
        Type.Object({ token: Type.String({ minLength: 1, maxLength: 255 }) }, { additionalProperties: false }),
      ),
    },
    reply: { status: 200 },
    handle: ({ body, deps }) => openConsole(deps, body.token),
  }),
];

async function sagaOf(deps: ApiDeps, id: string): Promise<SagaDetail> {
  if (isUuid(id)) {
    for (const { name, database } of deps.stores.cells()) {
      const saga = await findSaga(database, id);
      if (saga === null) continue;
      // a conductor knows the table; without one there is still what is written down
      const plan = await deps.conductor.sagaSteps({ sagaId: id }).catch(() => ({ steps: [], deadline: null }));
      return sagaDetail(saga, { cell: name, now: deps.clock.now(), plan });
    }
  }
  throw notFound(`Saga ${id} could not be found.`);
}
