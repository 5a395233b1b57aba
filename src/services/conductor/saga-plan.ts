import type { SagaStep } from '../../contracts/operator.ts';
import type { Saga } from '../../lib/saga/saga.ts';
import type { SagaRecord } from '../../lib/saga/store.ts';

/** The steps of an operation, and where each stands. */
export function planOf({ steps }: Pick<Saga, 'steps'>, record: Pick<SagaRecord, 'state' | 'position' | 'log'>): readonly SagaStep[] {
  const last = new Map(record.log.map(({ step, event }) => [step, event]));
  return steps.map(({ name, forwardOnly, undo }, index) => ({
    name,
    state: stateOf(record, index, last.get(name)),
    forwardOnly,
    hasUndo: undo !== null,
  }));
}

function stateOf(
  { state, position }: Pick<SagaRecord, 'state' | 'position'>,
  index: number,
  last: SagaRecord['log'][number]['event'] | undefined,
): SagaStep['state'] {
  if (last === 'skipped') return 'skipped';
  if (state === 'running' || state === 'done') return index < position ? 'done' : index === position ? 'under way' : 'to come';
  if (state === 'unwinding' && index < position) return index === position - 1 ? 'being undone' : 'to be undone';
  if (last === undefined) return 'not run';
  return last === 'undone' ? 'undone' : last === 'ran' ? 'done' : 'not run';
}

/** When an operation is undone that has not ended by then; null once nothing undoes it any more. */
export function deadlineOf(
  { steps, deadlineSeconds }: Pick<Saga, 'steps' | 'deadlineSeconds'>,
  { state, position, createdAt }: SagaRecord,
): string | null {
  if (state !== 'running' || steps[position]?.forwardOnly !== false) return null;
  return new Date(createdAt + deadlineSeconds * 1000).toISOString();
}
