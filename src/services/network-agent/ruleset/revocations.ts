import type { CheckedGroup, CheckedPort } from '../wish/checked-wish.ts';
import { ruleMatch } from './rule-match.ts';

/** What was permitted to whom, small enough to be kept over a restart of the agent. */
export interface Permissions {
  readonly ports: Readonly<
    Record<
      string,
      {
        readonly zone: number | null;
        readonly addresses: readonly string[];
        readonly groupIds: readonly string[];
        readonly guarded: boolean;
      }
    >
  >;
  /** Each group's permissions, one for every member of a group it names. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

export function permissionsOf(
  ports: readonly CheckedPort[],
  groups: readonly CheckedGroup[],
  zoneOf: (networkId: string) => number | null,
): Permissions {
  const members = new Map(groups.map((group) => [group.id, group.members.map(({ text }) => text)]));
  return {
    ports: Object.fromEntries(
      ports.map((port) => [
        port.id,
        {
          zone: zoneOf(port.networkId),
          addresses: port.addresses.map(({ text }) => text),
          groupIds: port.groupIds,
          guarded: port.portSecurity,
        },
      ]),
    ),
    groups: Object.fromEntries(
      groups.map((group) => [
        group.id,
        group.rules.flatMap((rule) => {
          const match = `${rule.direction} ${ruleMatch(rule, (id) => id)}`;
          return rule.remote !== null && 'groupId' in rule.remote
            ? (members.get(rule.remote.groupId) ?? []).map((member) => `${match} ${member}`)
            : [match];
        }),
      ]),
    ),
  };
}

/** Addresses whose connections may live on something that is permitted no more: the kernel has to judge them anew. */
export function revocations(
  before: Permissions,
  after: Permissions,
): readonly { readonly zone: number | null; readonly address: string }[] {
  const granted = ({ groups }: Permissions, groupIds: readonly string[]): ReadonlySet<string> =>
    new Set(groupIds.flatMap((id) => groups[id] ?? []));
  return Object.entries(before.ports).flatMap(([id, was]) => {
    const is = after.ports[id];
    const still = is === undefined ? null : granted(after, is.groupIds);
    const lost =
      is === undefined ||
      (is.guarded && !was.guarded) ||
      (is.guarded && [...granted(before, was.groupIds)].some((permission) => still?.has(permission) !== true));
    const gone = lost ? was.addresses : was.addresses.filter((address) => !is.addresses.includes(address));
    return gone.map((address) => ({ zone: was.zone, address }));
  });
}
