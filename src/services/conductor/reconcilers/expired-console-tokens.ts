import { forgetExpiredConsoleTokens } from '../../../store/console-tokens.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import type { ConductorDeps } from '../deps.ts';

/** Keeps true: the databases hold no console tokens that nobody can use any more. None, where the operator wants none removed. */
export const forgetConsoleTokens = (deps: ConductorDeps): readonly ReconcilerSpec[] => {
  const seconds = deps.settings.DEFAULT.instance_delete_interval;
  if (seconds <= 0) return [];
  return [
    {
      name: 'expired-console-tokens',
      everyMs: seconds * 1000,
      run: async () => {
        const counts = await Promise.all(deps.stores.cells().map(({ database }) => forgetExpiredConsoleTokens(database, deps.clock.now())));
        return { forgotten: counts.reduce((sum, count) => sum + count, 0) };
      },
    },
  ];
};
