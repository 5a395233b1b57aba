import type { RequestSpec } from '../../domain/request-spec.ts';
import { findServerGroup, placesOfMembers, placingGroup, recordClaims } from '../../store/server-groups.ts';
import type { ApiDatabase, Stores } from '../../store/stores.ts';
import type { HostFilter, Placing } from './filters/filter.ts';
import type { HostWeigher } from './weighers/weigher.ts';

type Group = Placing['group'];

/** How many groups are placed at the same time: each holds a connection meanwhile. */
const mostAtOnce = 4;

/** What enforces each policy; without it the policy cannot be kept. */
const enforcers: Readonly<Record<string, string>> = {
  affinity: 'ServerGroupAffinityFilter',
  'anti-affinity': 'ServerGroupAntiAffinityFilter',
  'soft-affinity': 'ServerGroupSoftAffinityWeigher',
  'soft-anti-affinity': 'ServerGroupSoftAntiAffinityWeigher',
};

/** What a decision is to be remembered by: the host of each instance that was given one. */
export interface Placed<T> {
  readonly result: T;
  readonly hosts: Readonly<Record<string, string>>;
}

export interface GroupSection {
  /**
   * Places servers of a group with its members' places before it, and notes the new places before anybody else may look: decisions about one group follow
   * each other, whichever process makes them, so that a policy holds without a look after the fact.
   */
  run<T>(spec: RequestSpec, instanceIds: readonly string[], place: (group: Group) => Promise<Placed<T>>): Promise<T>;
}

export function groupSections({ stores }: { readonly stores: Stores }): GroupSection {
  const last = new Map<string, Promise<unknown>>();
  let free = mostAtOnce;
  const waiting: (() => void)[] = [];

  /** One after the other in this process, so that those who wait hold no connection. */
  const inTurn = async <T>(groupId: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(groupId) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    last.set(groupId, settled);
    try {
      return await mine;
    } finally {
      if (last.get(groupId) === settled) last.delete(groupId);
    }
  };
  const withConnection = async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
  const within = async <T>(
    api: ApiDatabase,
    groupId: string,
    instanceIds: readonly string[],
    place: (group: Group) => Promise<Placed<T>>,
  ) => {
    const group = await groupAt(api, stores, groupId, instanceIds);
    const { result, hosts } = await place(group);
    if (group !== null) await recordClaims(api, { ...Object.fromEntries(instanceIds.map((id) => [id, null])), ...hosts });
    return result;
  };
  return {
    async run(spec, instanceIds, place) {
      const { groupId } = spec;
      if (groupId === null) return (await place(null)).result;
      return inTurn(groupId, () =>
        withConnection(() => placingGroup(stores.api, groupId, (tx) => within(tx, groupId, instanceIds, place))),
      );
    },
  };
}

async function groupAt(api: ApiDatabase, stores: Stores, groupId: string, except: readonly string[]): Promise<Group> {
  const group = await findServerGroup(api, groupId);
  if (group === null) return null;
  return {
    id: group.id,
    policy: group.policy,
    maxServerPerHost: group.rules.max_server_per_host ?? 1,
    memberHosts: await placesOfMembers(api, stores, group, except),
  };
}

/** Why a group's policy cannot be kept here; null when it can. */
export function unsupportedPolicy(group: Group, filters: readonly HostFilter[], weighers: readonly HostWeigher[]): string | null {
  if (group === null) return null;
  const enforcer = enforcers[group.policy];
  return [...filters, ...weighers].some(({ name }) => name === enforcer)
    ? null
    : `ServerGroup policy is not supported: ${enforcer ?? group.policy} not configured`;
}
