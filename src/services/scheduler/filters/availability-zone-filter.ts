import { pass, reject, type HostFilter } from './filter.ts';

/** Keeps hosts of the zone that was asked for; hosts in no zone aggregate are in the default one. */
export const availabilityZoneFilter: HostFilter = {
  name: 'AvailabilityZoneFilter',
  once: true,
  concerns: ({ spec }) => spec.availabilityZone !== null,
  check(host, { spec }) {
    if (spec.availabilityZone === null || host.zone === spec.availabilityZone) return pass;
    return reject('in another zone', `it is in zone ${host.zone}, not ${spec.availabilityZone}`);
  },
};
