import type { AuditReport } from '../../contracts/conductor.ts';
import type { HostSummary, SagaDetail, SagaSummary } from '../../contracts/operator.ts';
import type { ReconcilerStatus } from '../../lib/reconciler/reconciler.ts';
import { ago, countOf, textTable } from './text-table.ts';

const outcomes: Readonly<Record<AuditReport['findings'][number]['outcome'], string>> = {
  mended: 'mended',
  failed: 'could not be mended',
  mendable: 'kilonova inspect audit --repair mends it',
  left: 'for an operator to judge',
};

/** What an audit found, invariant by invariant; ends with how many findings there were and how many are left. */
export function auditText({ invariants, findings, notAudited, ms }: AuditReport): string {
  const rows = invariants.map(({ name, says, findings: count }) => [
    name,
    notAudited.some(({ what, kind }) => kind === 'invariant' && what === name) ? 'not audited' : String(count),
    says,
  ]);
  const details = findings.map(
    ({ invariant, subject, what, repair, outcome, problem }) =>
      `\n${subject} (${invariant})\n  ${what}\n  ${repair} (${outcomes[outcome]}${problem === undefined ? '' : `: ${problem}`})\n`,
  );
  const missing = notAudited.map(({ what, why, kind }) => `\nNot audited: ${kind} ${what}: ${why}\n`);
  const left = findings.filter(({ outcome }) => outcome !== 'mended').length;
  const end = `\n${countOf(invariants.length, 'invariant')} in ${ms} ms: ${countOf(findings.length, 'finding')}, ${countOf(left, 'leftover')}${notAudited.length > 0 ? `, ${notAudited.length} not audited` : ''}\n`;
  return `${textTable(['INVARIANT', 'FINDINGS', 'SAYS'], rows)}${details.join('')}${missing.join('')}${end}`;
}

export function sagasText(sagas: readonly SagaSummary[], now: number, all: boolean): string {
  if (sagas.length === 0) return all ? 'There are no operations yet.\n' : 'Nothing is being done now.\n';
  const rows = sagas.map(({ id, name, state, stuck, subject, position, createdAt, failure, waiting }) => [
    id,
    name,
    stuck ? `${state}, stuck` : state,
    waiting === null ? String(position) : stepOf(waiting),
    subject,
    ago(createdAt, now),
    waiting?.failure.message ?? failure?.message ?? '',
  ]);
  return textTable(['SAGA', 'OPERATION', 'STATE', 'STEP', 'ABOUT', 'BEGUN', 'FAILURE'], rows);
}

const stepOf = ({ step, direction }: NonNullable<SagaSummary['waiting']>): string => (direction === 'backward' ? `undo of ${step}` : step);

/** What an operation waits for, and for how long it will. */
function waitingText(waiting: SagaSummary['waiting'], now: number): string {
  if (waiting === null) return 'nothing';
  const { since, tries, failure, until } = waiting;
  const end = until === null ? 'it is tried until it works' : `it is given up ${new Date(until).toISOString()}`;
  return `${stepOf(waiting)}, tried ${countOf(tries, 'time')} since ${ago(since, now)}: ${failure.message} (${failure.kind}); ${end}`;
}

function holderText({ owner, leaseUntil, claims }: SagaDetail, now: number): string {
  const lease = Date.parse(leaseUntil);
  const until = lease > now ? `until ${leaseUntil}` : 'its lease has run out';
  return `${owner === null ? 'nobody' : `${owner}, ${until}`} (fence ${claims})`;
}

/** One operation, step by step. */
export function sagaText(saga: SagaDetail, now: number): string {
  const facts = [
    ['operation', saga.name],
    ['about', saga.subject],
    ['state', `${saga.state}${saga.stuck ? ', stuck' : ''}${saga.cancelRequested ? ', called off' : ''}`],
    ['cell', saga.cell],
    ['begun', `${saga.createdAt} (${ago(saga.createdAt, now)})`],
    ['last line', `${saga.updatedAt} (${ago(saga.updatedAt, now)})`],
    ...(isActive(saga)
      ? [
          ['held by', holderText(saga, now)],
          ['waits for', waitingText(saga.waiting, now)],
        ]
      : []),
    ...(saga.deadline === null ? [] : [['deadline', `${saga.deadline}, when it is undone`]]),
    ...(saga.failure === null ? [] : [['failure', saga.failure.message]]),
    ['parameters', JSON.stringify(saga.params)],
  ];
  const steps = saga.log.map(({ step, event, at, ms, tries, message }) => [
    step,
    event,
    new Date(at).toISOString(),
    `${ms} ms`,
    String(tries ?? 1),
    message ?? '',
  ]);
  const plan = saga.steps.map(({ name, state, forwardOnly, hasUndo }) => [
    name,
    state,
    forwardOnly ? 'no: past the point of no return' : hasUndo ? 'yes' : 'nothing to take back',
  ]);
  const table = plan.length === 0 || !isActive(saga) ? '' : `\n${textTable(['STEP', 'STANDS', 'CAN BE UNDONE'], plan)}`;
  return `${facts.map(([name = '', value = '']) => `${name.padEnd(10)}  ${value}\n`).join('')}\n${steps.length === 0 ? 'No step has ended yet.\n' : textTable(['STEP', 'EVENT', 'BEGUN', 'TOOK', 'TRIES', 'SAID'], steps)}${table}`;
}

const isActive = ({ state }: SagaSummary): boolean => state === 'running' || state === 'unwinding';

export function reconcilersText(reconcilers: readonly ReconcilerStatus[], now: number): string {
  const rows = reconcilers.map(({ name, runs, lastAt, lastMs, lastResult, lastError }) => [
    name,
    String(runs),
    ago(lastAt, now),
    lastMs === null ? '' : `${lastMs} ms`,
    lastError ?? JSON.stringify(lastResult ?? {}),
  ]);
  return textTable(['RECONCILER', 'LOOKS', 'LAST', 'TOOK', 'RESULT'], rows);
}

export function hostsText(hosts: readonly HostSummary[], now: number): string {
  const stateOf = ({ up, disabled, disabledReason, forcedDown }: HostSummary): string =>
    `${forcedDown ? 'forced down' : up ? 'up' : 'down'}${disabled ? `, disabled${disabledReason === null ? '' : ` (${disabledReason})`}` : ''}`;
  const rows = hosts.map((host) => [
    host.host,
    host.cell,
    stateOf(host),
    String(host.instances),
    String(host.busy),
    String(host.nodes.length),
    ago(host.lastSeenAt, now),
  ]);
  return textTable(['HOST', 'CELL', 'STATE', 'SERVERS', 'BUSY', 'NODES', 'SEEN'], rows);
}
