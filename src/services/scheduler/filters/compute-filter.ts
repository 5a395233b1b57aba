import { pass, reject, type HostFilter } from './filter.ts';

/** Keeps hosts whose compute service is enabled and up. */
export const computeFilter: HostFilter = {
  name: 'ComputeFilter',
  once: true,
  check(host) {
    if (!host.enabled) return reject('disabled', 'its compute service is disabled');
    return host.up ? pass : reject('down', 'its compute service is down');
  },
};
