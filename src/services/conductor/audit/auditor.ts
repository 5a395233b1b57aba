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

/** Audits one after the other, every minute and when asked. */
export function createAuditor(deps: ConductorDeps): Auditor {
  let last: Promise<unknown> = Promise.resolve();
  const audit: Auditor['audit'] = (options) => {
    const mine = last.then(() => runAudit(deps, options));
    last = mine.catch(() => undefined);
    return mine;
  };
  let waited = false;
  return {
    audit,
    reconciler: {
      name: 'auditor',
      everyMs,
      run: async (signal) => {
        if (!waited) await deps.clock.sleep(firstAfterMs, signal);
        waited = true;
        const { findings, notAudited, invariants, ms } = await audit({ repair: true, signal });
        for (const finding of findings) deps.log.warn({ ...finding }, 'audit finding');
        const count = (...outcomes: readonly string[]): number => findings.filter(({ outcome }) => outcomes.includes(outcome)).length;
        return {
          invariants: invariants.length,
          findings: findings.length,
          mended: count('mended'),
          left: count('left', 'failed'),
          notAudited: notAudited.map(({ what }) => what),
          ms,
        };
      },
    },
  };
}
