import type { HostState } from '../host-state.ts';
import { pass, reject, type HostFilter } from './filter.ts';

/** The least of an aggregate's numbers under a key; what is no number does not count. */
const aggregateLimit = (host: HostState, key: string, otherwise: number): number => {
  const limits = (host.aggregateMetadata[key] ?? []).filter((text) => /^-?\d{1,9}$/.test(text)).map(Number);
  return limits.length === 0 ? otherwise : Math.min(...limits);
};

const judgeInstances = ({ instances }: HostState, most: number) =>
  instances < most ? pass : reject('with as many servers as allowed', `it has ${instances} servers of at most ${most}`);
const judgeOperations = ({ ioOps }: HostState, most: number) =>
  ioOps < most ? pass : reject('busy with as many operations as allowed', `it is busy with ${ioOps} operations of at most ${most}`);

/** Keeps hosts with fewer servers than `max_instances_per_host`. */
export const numInstancesFilter: HostFilter = {
  name: 'NumInstancesFilter',
  check: (host, { settings }) => judgeInstances(host, settings.filter_scheduler.max_instances_per_host),
};

/** The same, where an aggregate's own limit wins. */
export const aggregateNumInstancesFilter: HostFilter = {
  name: 'AggregateNumInstancesFilter',
  check: (host, { settings }) =>
    judgeInstances(host, aggregateLimit(host, 'max_instances_per_host', settings.filter_scheduler.max_instances_per_host)),
};

/** Keeps hosts with fewer operations under way than `max_io_ops_per_host`. */
export const ioOpsFilter: HostFilter = {
  name: 'IoOpsFilter',
  check: (host, { settings }) => judgeOperations(host, settings.filter_scheduler.max_io_ops_per_host),
};

/** The same, where an aggregate's own limit wins. */
export const aggregateIoOpsFilter: HostFilter = {
  name: 'AggregateIoOpsFilter',
  check: (host, { settings }) =>
    judgeOperations(host, aggregateLimit(host, 'max_io_ops_per_host', settings.filter_scheduler.max_io_ops_per_host)),
};
