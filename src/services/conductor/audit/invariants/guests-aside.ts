import { messageOf } from '../../../../lib/errors.ts';
import { findInstance } from '../../../../store/instances.ts';
import { movesIn } from '../../../../store/moves.ts';
import { listServices } from '../../../../store/services.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Finding, Invariant } from '../invariant.ts';

/** Hosts asked at the same time, and how long one may take. */
const atOnce = 24;
const patienceMs = 10_000;

/** What is set aside takes room on its host, and is all there is to go back to. */
export const guestsAside: Invariant = {
  name: 'aside-is-resize',
  says: 'The guests that are set aside on a host are those of servers that wait for the end of a resize which began there.',
  async check({ deps, signal, cannotSee }) {
    const expected = new Map<string, Set<string>>();
    for (const { database } of deps.stores.cells())
      for (const { sourceHost, instanceId, type } of await movesIn(database, ['finished', 'confirming', 'reverting']))
        if (type === 'resize' || type === 'migration')
          expected.set(sourceHost, (expected.get(sourceHost) ?? new Set<string>()).add(instanceId));
    const found: Finding[] = [];
    const hosts = (await listServices(deps.stores)).filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host);
    await eachAtOnce(atOnce, hosts, async (host) => {
      let aside: ReadonlySet<string>;
      try {
        aside = new Set((await deps.agentOn(host).guestsAside({}, { signal, timeoutMs: patienceMs })).instanceIds);
      } catch (error) {
        signal.throwIfAborted();
        return cannotSee(host, messageOf(error));
      }
      const wanted = expected.get(host) ?? new Set<string>();
      for (const id of aside) {
        if (wanted.has(id)) continue;
        found.push({
          subject: `guest ${id} set aside on ${host}`,
          what: `It is set aside on ${host}, and its server waits for no resize from there.`,
          repair: `Remove it from ${host}.`,
          excusedBy: [id],
          mend: async () => {
            const epoch = (await findInstance(deps.stores, id, { deleted: true }))?.instance.epoch ?? 0;
            await deps.agentOn(host).discardAside({ instanceId: id }, { key: `${id}/audit/${deps.ids.uuid()}`, epoch });
          },
        });
      }
      for (const id of wanted) {
        if (aside.has(id)) continue;
        found.push({
          subject: `guest ${id} set aside on ${host}`,
          what: `Its server waits for the end of a resize from ${host}, which has nothing set aside of it.`,
          repair: 'The resize can be confirmed, and no longer be reverted.',
          excusedBy: [id],
        });
      }
    });
    return found;
  },
};
