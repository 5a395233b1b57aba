import type { Selection } from '../../contracts/scheduler.ts';
import type { Decision, Explanation } from '../../domain/decision.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Providers } from './providers.ts';
import type { DecisionRecorder } from './record-decisions.ts';
import { rehearse } from './rehearse.ts';
import type { ColumnSelector } from './select-by-columns.ts';
import { selectDestinations, type SchedulerDeps } from './select-destinations.ts';

export interface DeciderDeps extends SchedulerDeps {
  readonly providers: Providers;
  readonly decisions: DecisionRecorder;
  readonly clock: Clock;
  /** The short way, for requests that can take it. */
  readonly byColumns: ColumnSelector;
}

export interface PlaceRequest {
  readonly spec: RequestSpec;
  readonly instanceIds: readonly string[];
  /** The user's request, by which its decision is found again. */
  readonly requestId?: string;
}

/** Places a request, and writes down what was decided; where nothing was found, why. */
export async function decide(deps: DeciderDeps, { spec, instanceIds, requestId }: PlaceRequest): Promise<Selection> {
  const began = deps.clock.now();
  const wanted = { spec, instanceIds };
  const selection = (await deps.byColumns(wanted)) ?? (await selectDestinations(deps, wanted));
  const explanation = selection.found ? null : await explainOrNot(deps, spec);
  deps.decisions.record({
    id: selection.decisionId,
    at: new Date(began).toISOString(),
    ms: deps.clock.now() - began,
    requestId: requestId ?? null,
    instanceIds,
    projectId: spec.projectId,
    flavor: spec.flavor.name,
    found: selection.found,
    destinations: selection.found ? selection.destinations.map(placeOf) : [],
    candidates: explanation?.fitting ?? 0,
    explanation,
  });
  if (selection.found || explanation === null) return selection;
  const { considered, reasons, message } = explanation;
  return {
    ...selection,
    message,
    refusal: { considered, reasons: reasons.map(({ constraint, count, nearest }) => ({ constraint, count, example: nearest.because })) },
  };
}

const placeOf = ({
  instanceId,
  chosen,
  alternates,
}: Extract<Selection, { found: true }>['destinations'][number]): Decision['destinations'][number] => ({
  instanceId,
  host: chosen.host,
  node: chosen.node,
  alternates: alternates.map(({ host }) => host),
});

/** A refusal stands, whether it can be explained or not. */
async function explainOrNot(deps: DeciderDeps, spec: RequestSpec): Promise<Explanation | null> {
  try {
    return await rehearse(deps, spec);
  } catch (error) {
    deps.log.warn({ err: error }, 'a refusal could not be explained');
    return null;
  }
}
