import type { SagaDetail, SagaSummary } from '../../../../contracts/operator.ts';
import { isStuck, type SagaRecord } from '../../../../lib/saga/store.ts';

export const sagaSummary = (saga: SagaRecord, cell: string, now: number): SagaSummary => ({
  id: saga.id,
  name: saga.name,
  subject: saga.subject,
  cell,
  state: saga.state,
  position: saga.position,
  cancelRequested: saga.cancelRequested,
  owner: saga.owner,
  claims: saga.fence,
  createdAt: new Date(saga.createdAt).toISOString(),
  updatedAt: new Date(saga.updatedAt).toISOString(),
  failure: saga.failure,
  waiting: saga.waiting,
  stuck: isStuck(saga, now),
});

export const sagaDetail = (
  saga: SagaRecord,
  { cell, now, plan }: { readonly cell: string; readonly now: number; readonly plan: Pick<SagaDetail, 'steps' | 'deadline'> },
): SagaDetail => ({
  ...sagaSummary(saga, cell, now),
  ...plan,
  params: withoutSecrets(saga.params),
  results: saga.results,
  log: saga.log,
  leaseUntil: new Date(saga.leaseUntil).toISOString(),
});

/** Passwords are erased from sagas that have ended; those of running ones are shown to nobody. */
function withoutSecrets(params: unknown): unknown {
  if (typeof params !== 'object' || params === null) return params;
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, key === 'adminPass' && value !== null ? '***' : value]));
}
