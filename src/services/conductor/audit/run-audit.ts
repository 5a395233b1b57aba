import type { AuditFinding, AuditReport } from '../../../contracts/conductor.ts';
import { messageOf } from '../../../lib/errors.ts';
import type { ConductorDeps } from '../deps.ts';
import type { Finding, Invariant } from './invariant.ts';
import { invariants as all } from './invariants/index.ts';
import { nowIn, operationsUnderWay } from './operations-under-way.ts';

export interface AuditOptions {
  /** Mends what can be mended without asking anybody. */
  readonly repair: boolean;
  readonly signal: AbortSignal;
  /** Between the two looks. Default 1 s. */
  readonly settleMs?: number;
  readonly invariants?: readonly Invariant[];
  /** Only what is about one of these servers, moves and reservations counts, and this operation is looked past as if it had ended. */
  readonly afterSaga?: { readonly id: string; readonly about: ReadonlySet<string> };
}

interface Found {
  readonly invariant: Invariant;
  readonly finding: Finding;
}

/**
 * Compares what databases, placement, network and hosts say of the same things. Something counts when two looks, a moment apart, have
 * both found it, and no operation was under way on what it is about at any time of either: the operation may still be putting it right.
 */
export async function runAudit(
  deps: ConductorDeps,
  { repair, signal, settleMs = 1000, invariants = all, afterSaga }: AuditOptions,
): Promise<AuditReport> {
  const { clock } = deps;
  const began = clock.now();
  const notAudited = new Map<string, AuditReport['notAudited'][number]>();
  const scope: Scope = { notAudited, signal, ...(afterSaga === undefined ? {} : { afterSaga }) };
  const first = await look(deps, invariants, scope);
  let found: readonly Found[] = [];
  if (first.length > 0) {
    await clock.sleep(settleMs, signal);
    const before = new Set(first.map(keyOf));
    const second = await look(deps, [...new Set(first.map(({ invariant }) => invariant))], scope);
    found = second.filter((entry) => before.has(keyOf(entry)));
  }
  const findings: AuditFinding[] = [];
  for (const { invariant, finding } of found) {
    const { subject, what, repair: how } = finding;
    findings.push({ invariant: invariant.name, subject, what, repair: how, ...(await outcomeOf(deps, finding, repair)) });
  }
  return {
    startedAt: new Date(began).toISOString(),
    ms: clock.now() - began,
    invariants: invariants.map(({ name, says }) => ({
      name,
      says,
      findings: findings.filter((finding) => finding.invariant === name).length,
    })),
    findings,
    notAudited: [...notAudited.values()],
  };
}

interface Scope extends Pick<AuditOptions, 'signal' | 'afterSaga'> {
  readonly notAudited: Map<string, AuditReport['notAudited'][number]>;
}

const keyOf = ({ invariant, finding }: Found): string => `${invariant.name} ${finding.subject}`;

/** Everything that is wrong and that no operation explains. */
async function look(
  deps: ConductorDeps,
  invariants: readonly Invariant[],
  { notAudited, signal, afterSaga }: Scope,
): Promise<readonly Found[]> {
  // of what would be after an operation, only what goes on excuses
  const since = afterSaga === undefined ? await nowIn(deps.stores) : new Map(deps.stores.cells().map(({ id }) => [id, 'infinity']));
  const cannotSee = (host: string, why: string): void => void notAudited.set(`host ${host}`, { what: host, why, kind: 'host' });
  const endedSaga = afterSaga?.id ?? null;
  const found = new Map<string, Found>();
  for (const invariant of invariants) {
    signal.throwIfAborted();
    try {
      for (const finding of await invariant.check({ deps, signal, endedSaga, cannotSee }))
        if (afterSaga === undefined || finding.excusedBy.some((id) => afterSaga.about.has(id)))
          found.set(keyOf({ invariant, finding }), { invariant, finding });
    } catch (error) {
      signal.throwIfAborted();
      deps.log.warn({ err: error, invariant: invariant.name }, 'an invariant could not be audited');
      notAudited.set(`invariant ${invariant.name}`, { what: invariant.name, why: messageOf(error), kind: 'invariant' });
    }
  }
  const busy = await operationsUnderWay(
    deps.stores,
    [...found.values()].flatMap(({ finding }) => finding.excusedBy),
    since,
    endedSaga,
  );
  return [...found.values()].filter(({ finding }) => !finding.excusedBy.some((id) => busy.has(id)));
}

async function outcomeOf(
  deps: ConductorDeps,
  { mend, excusedBy }: Finding,
  repair: boolean,
): Promise<Pick<AuditFinding, 'outcome' | 'problem'>> {
  if (mend === undefined) return { outcome: 'left' };
  if (!repair) return { outcome: 'mendable' };
  try {
    const busy = await operationsUnderWay(deps.stores, excusedBy, await nowIn(deps.stores), null);
    if (busy.size > 0) return { outcome: 'failed', problem: 'An operation on it has begun meanwhile.' };
    await mend();
    return { outcome: 'mended' };
  } catch (error) {
    deps.log.error({ err: error }, 'a finding of the audit could not be mended');
    return { outcome: 'failed', problem: messageOf(error) };
  }
}
