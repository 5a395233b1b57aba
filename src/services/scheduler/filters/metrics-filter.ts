import { weightedNames } from '../weighted-names.ts';
import { pass, reject, type HostFilter } from './filter.ts';

/** Keeps hosts that report every metric the metrics weigher counts. */
export const metricsFilter: HostFilter = {
  name: 'MetricsFilter',
  concerns: ({ settings }) => settings.metrics.weight_setting.length > 0,
  check({ facts }, { settings }) {
    const missing = [...weightedNames(settings.metrics.weight_setting).keys()].find((name) => facts.metrics?.[name] === undefined);
    return missing === undefined ? pass : reject('without a metric that is weighed', `it does not report ${missing}`);
  },
};
