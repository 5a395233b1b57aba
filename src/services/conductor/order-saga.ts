import type { SagaConsequences, SagaOrder, SagaOrdered, SagaStep } from '../../contracts/operator.ts';
import { conflict, notFound, type KilonovaError } from '../../lib/errors.ts';
import { isUuid } from '../../lib/ids.ts';
import type { Saga } from '../../lib/saga/saga.ts';
import type { SagaRecord } from '../../lib/saga/store.ts';
import { askToUndo, overruleSaga, takeSagaAway } from '../../store/saga-orders.ts';
import { findSaga } from '../../store/sagas.ts';
import type { CellDatabase } from '../../store/stores.ts';
import { runAudit } from './audit/run-audit.ts';
import { invariants } from './audit/invariants/index.ts';
import { belongingsOf } from './belongings.ts';
import type { ConductorDeps } from './deps.ts';
import { deadlineOf, planOf } from './saga-plan.ts';
import { sagas } from './sagas/index.ts';

interface Located {
  readonly record: SagaRecord;
  readonly database: CellDatabase;
  /** Its table; null when it is of another version of this program. */
  readonly table: Saga | null;
}

/** A step that has failed for no longer than this is still being tried in earnest; one that has not failed may be long. */
const earnestMs = { failing: 30_000, silent: 600_000 } as const;

async function locate(deps: ConductorDeps, id: string): Promise<Located> {
  if (isUuid(id)) {
    for (const { database } of deps.stores.cells()) {
      const record = await findSaga(database, id);
      if (record !== null) return { record, database, table: sagas.find(({ name }) => name === record.name) ?? null };
    }
  }
  throw notFound(`Saga ${id} could not be found.`);
}

/** The steps of an operation as they stand, and when it is undone. */
export async function sagaSteps(
  deps: ConductorDeps,
  { sagaId }: { readonly sagaId: string },
): Promise<{ steps: readonly SagaStep[]; deadline: string | null }> {
  const { record, table } = await locate(deps, sagaId);
  return table === null ? { steps: [], deadline: null } : { steps: planOf(table, record), deadline: deadlineOf(table, record) };
}

/** Does as an operator says, or says why not. */
export async function orderSaga(
  deps: ConductorDeps,
  { sagaId, order }: { readonly sagaId: string; readonly order: SagaOrder },
): Promise<SagaOrdered> {
  const { record, database, table } = await locate(deps, sagaId);
  refuseEnded(record);
  const said = await { resume, undo, force, end }[order](deps, { record, database, table });
  deps.log.warn({ sagaId, saga: record.name, subject: record.subject, order }, 'an operator has given an order about a saga');
  deps.wake();
  return { order, said };
}

async function resume(_deps: ConductorDeps, { record, database, table }: Located): Promise<string> {
  if (!(await takeSagaAway(database, record))) throw hasMoved(record);
  return `${nowAt(record, table)} is tried again at once, by any conductor.`;
}

async function undo(_deps: ConductorDeps, { record, database, table }: Located): Promise<string> {
  if (record.state === 'unwinding') throw conflict(`${titleOf(record)} is being undone already: ${nowAt(record, table)} is under way.`);
  const step = tableOf({ record, table }).steps[record.position];
  if (step?.forwardOnly !== false)
    throw conflict(
      `${titleOf(record)} is past its point of no return: ${nowAt(record, table)} is tried until it works. To have it tried at once: kilonova manage saga resume ${record.id}; to pass it over: kilonova manage saga force ${record.id}`,
    );
  if (!(await askToUndo(database, record))) throw hasMoved(record);
  return `${titleOf(record)} is called off at ${nowAt(record, table)} and undone, last step first.`;
}

async function force(deps: ConductorDeps, located: Located): Promise<string> {
  const { record, database, table } = located;
  const { steps } = forceable(deps, located);
  const step = currentStep(record, table);
  const running = record.state === 'running';
  const position = record.position + (running ? 1 : -1);
  const ends = running ? position === steps.length : position === 0;
  const state = ends ? (running ? 'done' : 'undone') : record.state;
  const line = { step, event: 'skipped', at: deps.clock.now(), ms: 0, message: 'by an operator' } as const;
  const results = running ? { [step]: await resultInstead(deps, record, steps) } : {};
  if (!(await overruleSaga(database, record, { state, position, line, results }))) throw hasMoved(record);
  return `${nowAt(record, table)} is passed over; ${ends ? `${titleOf(record)} is ${state}` : 'the rest goes on'}.`;
}

/** What later steps are told in the place of the result of the step that is passed over. */
async function resultInstead(
  deps: ConductorDeps,
  { id, subject, params, results, position }: SagaRecord,
  steps: Saga['steps'],
): Promise<unknown> {
  const context = { sagaId: id, params, results, deps, idempotencyKey: `${subject}/${id}/passed-over` };
  const never = new AbortController().signal;
  return (await steps[position]?.passedOver?.({ ...context, signal: never, alongside: () => undefined })) ?? null;
}

async function end(deps: ConductorDeps, located: Located): Promise<string> {
  const { record, database, table } = located;
  refuseGoingOn(deps, located);
  const { position } = record;
  const line = { step: currentStep(record, table), event: 'abandoned', at: deps.clock.now(), ms: 0, message: 'by an operator' } as const;
  if (!(await overruleSaga(database, record, { state: 'abandoned', position, line }))) throw hasMoved(record);
  return `${titleOf(record)} has ended as it is. What it leaves: kilonova inspect audit`;
}

/** What would follow if the step that does not go on were passed over (`force`), or everything were left as it is (`end`). */
export async function sagaConsequences(
  deps: ConductorDeps,
  { sagaId, order }: { readonly sagaId: string; readonly order: 'force' | 'end' },
  signal: AbortSignal,
): Promise<SagaConsequences> {
  const located = await locate(deps, sagaId);
  const { record, table } = located;
  refuseEnded(record);
  if (order === 'force') forceable(deps, located);
  else refuseGoingOn(deps, located);
  const plan = table === null ? [] : planOf(table, record);
  const subjects = subjectsOf(record);
  const [holds, audit] = await Promise.all([
    belongingsOf(deps, subjects, signal),
    // each invariant that speaks of servers; the others would find the same before and after
    runAudit(deps, {
      repair: false,
      signal,
      invariants,
      afterSaga: { id: record.id, about: new Set([...subjects, record.subject, record.id]) },
    }),
  ]);
  const forward = record.state === 'running';
  const named = (...states: readonly SagaStep['state'][]): readonly string[] =>
    plan.filter(({ state }) => states.includes(state)).map(({ name }) => name);
  const later = forward
    ? named('to come')
    : named('to be undone')
        .toReversed()
        .map((name) => `undo of ${name}`);
  return {
    step: currentStep(record, table),
    direction: forward ? 'forward' : 'backward',
    goesOn: order === 'force' ? later : [],
    staysDone: forward ? named('done') : [...named('being undone'), ...(order === 'end' ? named('to be undone').toReversed() : [])],
    neverDone: forward ? [...named('under way'), ...(order === 'end' ? named('to come') : [])] : [],
    holds,
    findings: audit.findings.map(({ invariant, subject, what, repair, outcome }) => ({ invariant, subject, what, repair, outcome })),
    notSeen: audit.notAudited.map(({ kind, what, why }) => `${kind} ${what}: ${why}`),
  };
}

/** The servers an operation is about: its own, or all of its reservation. */
function subjectsOf({ subject, params }: SagaRecord): readonly string[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sagas of many servers name them so
  const { instanceIds } = (params ?? {}) as { readonly instanceIds?: unknown };
  if (Array.isArray(instanceIds)) return instanceIds.filter((id): id is string => typeof id === 'string' && isUuid(id));
  return isUuid(subject) ? [subject] : [];
}

const titleOf = ({ name, id }: SagaRecord): string => `${name} ${id}`;

function currentStep({ state, position, waiting }: SagaRecord, table: Saga | null): string {
  return table?.steps[state === 'unwinding' ? position - 1 : position]?.name ?? waiting?.step ?? `number ${position}`;
}

const nowAt = (record: SagaRecord, table: Saga | null): string =>
  `${record.state === 'unwinding' ? 'the undo of ' : ''}step ${currentStep(record, table)}`;

const hasMoved = (record: SagaRecord): KilonovaError => conflict(`${titleOf(record)} has gone on meanwhile: look at it again.`);

function refuseEnded(record: SagaRecord): void {
  if (record.state === 'running' || record.state === 'unwinding') return;
  throw conflict(`${titleOf(record)} has ended already: it is ${record.state} since ${new Date(record.updatedAt).toISOString()}.`);
}

function tableOf({ record, table }: Pick<Located, 'record' | 'table'>): Saga {
  if (table !== null) return table;
  throw conflict(
    `No conductor that runs now knows the operation ${record.name}: it is of another version. It can only be ended: kilonova manage saga force --end ${record.id}`,
  );
}

/** What gets on must not be forced: its step may be doing its work at this very moment. */
function refuseGoingOn(deps: ConductorDeps, { record, table }: Located): void {
  const now = deps.clock.now();
  const since = record.waiting?.since ?? record.updatedAt;
  const enough = record.waiting === null ? earnestMs.silent : earnestMs.failing;
  if (now - since >= enough) return;
  throw conflict(
    `${titleOf(record)} is going on: ${nowAt(record, table)} has ${record.waiting === null ? 'been under way' : 'failed'} for ${Math.round((now - since) / 1000)} s. It can be forced after ${enough / 1000} s.`,
  );
}

/** The table of an operation whose present step can be passed over. */
function forceable(deps: ConductorDeps, located: Located): Saga {
  const { record } = located;
  const table = tableOf(located);
  if (record.state === 'running' && table.steps[record.position]?.forwardOnly === false)
    throw conflict(
      `${titleOf(record)} can still be undone, which leaves nothing behind: kilonova manage saga undo ${record.id}. To leave everything as it is: kilonova manage saga force --end ${record.id}`,
    );
  refuseGoingOn(deps, located);
  return table;
}
