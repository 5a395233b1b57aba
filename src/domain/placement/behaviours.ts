import { version, type Version, type VersionText } from '../../lib/http/microversion.ts';

/** Behaviour that began with a version and has no field, parameter or route of its own to show it. */
const since = {
  aggregates: '1.1',
  traits: '1.6',
  owners: '1.8',
  allocationsLink: '1.11',
  allocationsByProvider: '1.12',
  ownersOfConsumers: '1.12',
  trees: '1.14',
  cacheHeaders: '1.15',
  summaryTraits: '1.17',
  providerOnCreate: '1.20',
  forbiddenTraits: '1.22',
  errorCodes: '1.23',
  repeatedMemberOf: '1.24',
  requestGroups: '1.25',
  allOfItReserved: '1.26',
  summaryOfAllClasses: '1.27',
  consumerGenerations: '1.28',
  nestedCandidates: '1.29',
  forbiddenAggregates: '1.32',
  wordySuffixes: '1.33',
  mappings: '1.34',
  groupsWithoutResources: '1.36',
  reparenting: '1.37',
  consumerTypes: '1.38',
  anyTraits: '1.39',
} as const satisfies Record<string, VersionText>;

export type Behaviour = keyof typeof since;

/** Whether a request's version has this behaviour. */
export const does = (at: { readonly version: Version }, behaviour: Behaviour): boolean => at.version >= version(since[behaviour]);
