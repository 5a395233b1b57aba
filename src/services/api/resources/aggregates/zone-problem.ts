import { zonesOfHosts, type Aggregate } from '../../../../store/aggregates.ts';

/**
 * Why aggregates may not become so, or null: a host is in one zone at most, and the zone of a host with servers does not change.
 * `hasServers` is asked about the hosts whose zone would be another one.
 */
export async function zoneProblem(
  before: readonly Aggregate[],
  after: readonly Aggregate[],
  { standardZone, hasServers }: { readonly standardZone: string; readonly hasServers: (hosts: readonly string[]) => Promise<boolean> },
): Promise<string | null> {
  const zonesOf = new Map<string, Set<string>>();
  for (const { hosts, metadata } of after) {
    const zone = metadata['availability_zone'];
    if (zone !== undefined) for (const host of hosts) zonesOf.set(host, (zonesOf.get(host) ?? new Set()).add(zone));
  }
  const formerly = zonesOfHosts(before);
  const torn = [...zonesOf].find(([, zones]) => zones.size > 1);
  if (torn !== undefined) return `One or more hosts already in availability zone(s) ['${formerly.get(torn[0]) ?? [...torn[1]][0]}']`;
  const now = zonesOfHosts(after);
  const hosts = new Set([...before, ...after].flatMap((aggregate) => aggregate.hosts));
  const moved = [...hosts].filter((host) => (formerly.get(host) ?? standardZone) !== (now.get(host) ?? standardZone));
  return moved.length > 0 && (await hasServers(moved)) ? 'One or more hosts contain instances in this zone' : null;
}
