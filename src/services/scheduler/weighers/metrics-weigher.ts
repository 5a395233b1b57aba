import { unavailable } from '../../../lib/errors.ts';
import { weightedNames } from '../weighted-names.ts';
import type { HostWeigher } from './weigher.ts';

/** Prefers hosts by what is measured on them: the sum of metrics times their factors. */
export const metricsWeigher: HostWeigher = {
  name: 'MetricsWeigher',
  multiplier: ({ metrics }) => metrics.weight_multiplier,
  aggregateKey: 'metrics_weight_multiplier',
  concerns: ({ settings }) => settings.metrics.weight_setting.length > 0,
  weigh({ facts }, { settings }) {
    let sum = 0;
    for (const [name, factor] of weightedNames(settings.metrics.weight_setting)) {
      const value = facts.metrics?.[name];
      if (value !== undefined) sum += value * factor;
      else if (settings.metrics.required)
        throw unavailable(`A host does not report the metric ${name}, which [metrics] weight_setting counts.`);
      else return settings.metrics.weight_of_unavailable;
    }
    return sum;
  },
};
