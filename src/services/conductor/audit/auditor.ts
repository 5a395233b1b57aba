import type { AuditReport } from '../../../contracts/conductor.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import type { ConductorDeps } from '../deps.ts';
import { runAudit } from './run-audit.ts';

export interface Auditor {
  /** An audit that begins after those before it have ended. */
  audit(options: { readonly repair: boolean; readonly signal: AbortSignal }): Promise<AuditReport>;
  /** Keeps true: what the invariants say. */
  readonly reconciler: ReconcilerSpec;
}

const everyMs = 60_000;
/** Conductors and hosts that have just started take up what was left first. */
const firstAfterMs = 20_000;
/** So many times as long as an audit took there is none of its own accord: a large cloud has other work, too. */
const restsFor = 20;

/** Audits one after the other, every minute and when asked. */
export function createAuditor(deps: ConductorDeps): Auditor {
  let last: Promise<unknown> = Promise.resolve();
  const audit: Auditor['audit'] = (options) => {
    const mine = last.then(() => runAudit(deps, options));
    last = mine.catch(() => undefined);
    return mine;
  };
  let notBefore = deps.clock.now() + firstAfterMs;
  let lastResult: Readonly<Record<string, unknown>> | undefined;
  return {
    audit,
    reconciler: {
      name: 'auditor',
      everyMs,
      run: async (signal) => {
        if (deps.clock.now() < notBefore) {
          if (lastResult !== undefined) return lastResult;
          await deps.clock.sleep(notBefore - deps.clock.now(), signal);
        }
        const { findings, notAudited, invariants, ms } = await audit({ repair: true, signal });
        notBefore = deps.clock.now() + ms * restsFor;
        for (const finding of findings) deps.log.warn({ ...finding }, 'audit finding');
        const count = (...outcomes: readonly string[]): number => findings.filter(({ outcome }) => outcomes.includes(outcome)).length;
        lastResult = {
          invariants: invariants.length,
          findings: findings.length,
          mended: count('mended'),
          left: count('left', 'failed'),
          notAudited: notAudited.map(({ what }) => what),
          ms,
        };
        return lastResult;
      },
    },
  };
}
