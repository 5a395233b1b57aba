import { messageOf, unavailable } from '../../../../lib/errors.ts';
import { listServices } from '../../../../store/services.ts';
import type { ConductorDeps } from '../../deps.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Finding, Invariant, Look } from '../invariant.ts';
import { knownInstances, liveInstances, type KnownInstance } from '../known-instances.ts';

/** Hosts asked at the same time, and how long one may take. */
const atOnce = 24;
const patienceMs = 10_000;

/** States in which a server on a host has a guest; one in ERROR may have lost it. */
const withGuest = new Set(['active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete']);

export const guests: Invariant = {
  name: 'guest-is-server',
  says: 'The guests of a host are the servers that are on it.',
  async check(look) {
    const { deps } = look;
    const hosts = (await listServices(deps.stores)).filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host);
    const seen = await guestsByHost(look, hosts);
    const found: Finding[] = [];
    const unclaimed = new Map([...seen].map(([host, ids]) => [host, new Set(ids)]));
    const unseen = new Set<string>();
    for (const cell of deps.stores.cells()) {
      for await (const page of liveInstances(cell)) {
        for (const { id, host, vmState } of page) {
          if (host === null) continue;
          const there = seen.get(host);
          if (there === undefined) unseen.add(host);
          unclaimed.get(host)?.delete(id);
          if (there === undefined || there.has(id) || !withGuest.has(vmState)) continue;
          found.push({
            subject: `server ${id}`,
            what: `It is ${vmState} on ${host}, which has no such guest.`,
            repair: `See what happened on ${host}; a hard reboot makes the guest anew where its disk is left.`,
            excusedBy: [id],
          });
        }
      }
    }
    for (const host of unseen) if (!hosts.includes(host)) look.cannotSee(host, 'Servers are on it, and it has no compute service.');
    const strays = [...unclaimed].flatMap(([host, ids]) => [...ids].map((id) => ({ host, id })));
    const known = await knownInstances(
      deps.stores,
      strays.map(({ id }) => id),
    );
    for (const { host, id } of strays) {
      const rows = known.get(id) ?? [];
      found.push({
        subject: `guest ${id} on ${host}`,
        what: `It is on ${host}, and ${whyNot(rows)}.`,
        repair:
          rows.length > 0
            ? `Remove it from ${host}.`
            : `See whose it is; ${host} removes it by itself where [DEFAULT] running_deleted_instance_action is reap.`,
        excusedBy: [id],
        ...(rows.length > 0 ? { mend: () => removeGuest(deps, id, host) } : {}),
      });
    }
    return found;
  },
};

const whyNot = (rows: readonly KnownInstance[]): string => {
  const live = rows.find((row) => row.live);
  if (live === undefined) return rows.length === 0 ? 'no cell knows such a server' : 'the server is deleted';
  return live.host === null ? 'the server is on no host' : `the server is on ${live.host}`;
};

/** The guests of every host that answers. */
async function guestsByHost(
  { deps, signal, cannotSee }: Look,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const seen = new Map<string, ReadonlySet<string>>();
  await eachAtOnce(atOnce, hosts, async (host) => {
    const late = new AbortController();
    try {
      const answer = await Promise.race([
        deps.agentOn(host).guests({}, { signal, timeoutMs: patienceMs }),
        deps.clock.sleep(patienceMs, AbortSignal.any([signal, late.signal])).then(() => {
          throw unavailable(`It has not answered within ${patienceMs / 1000} s.`);
        }),
      ]);
      seen.set(host, new Set(answer.guests.map(({ instanceId }) => instanceId)));
    } catch (error) {
      signal.throwIfAborted();
      cannotSee(host, messageOf(error));
    } finally {
      late.abort();
    }
  });
  return seen;
}

/** Has a host remove a guest that is not to be there. The server's epoch makes the host refuse when a newer operation has brought it back. */
async function removeGuest(deps: ConductorDeps, id: string, host: string): Promise<void> {
  const rows = (await knownInstances(deps.stores, [id])).get(id) ?? [];
  if (rows.length === 0 || rows.some((row) => row.live && row.host === host)) return;
  await deps
    .agentOn(host)
    .destroy({ instanceId: id, vifs: [] }, { key: `${id}/audit/${deps.ids.uuid()}`, epoch: Math.max(...rows.map(({ epoch }) => epoch)) });
}
