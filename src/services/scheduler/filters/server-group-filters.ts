import { pass, reject, type HostFilter } from './filter.ts';

/** Keeps the members of an affinity group on the host of the others. */
export const serverGroupAffinityFilter: HostFilter = {
  name: 'ServerGroupAffinityFilter',
  concerns: ({ group }) => group?.policy === 'affinity',
  check(host, { group }) {
    if (group?.policy !== 'affinity' || group.memberHosts.length === 0 || group.memberHosts.includes(host.host)) return pass;
    return reject('away from the other servers of the group', 'the servers of the group are elsewhere');
  },
};

/** Keeps the members of an anti-affinity group apart: at most `max_server_per_host` on one host. The instance that is placed does not count itself. */
export const serverGroupAntiAffinityFilter: HostFilter = {
  name: 'ServerGroupAntiAffinityFilter',
  concerns: ({ group }) => group?.policy === 'anti-affinity',
  check(host, { group }) {
    if (group?.policy !== 'anti-affinity') return pass;
    const there = group.memberHosts.filter((member) => member === host.host).length;
    return there < group.maxServerPerHost
      ? pass
      : reject('taken by another server of the group', `it runs ${there} servers of the group, of at most ${group.maxServerPerHost}`);
  },
};
