import { pass, type HostFilter } from './filter.ts';

/** Keeps every host. */
export const allHostsFilter: HostFilter = { name: 'AllHostsFilter', once: true, check: () => pass };
