import { powerStates } from '../../domain/instance.ts';
import { messageOf } from '../../lib/errors.ts';
import { findInstance } from '../../store/instances.ts';
import { movesOf } from '../../store/moves.ts';
import { listComputeNodes } from '../../store/services.ts';
import type { ConductorDeps } from './deps.ts';

/** Servers looked at; an operation on more is told by these. */
const most = 20;
const patienceMs = 5000;

/** What servers are and hold at this moment, in words: states, resources, ports, volumes, guests. What cannot be seen is said. */
export async function belongingsOf(deps: ConductorDeps, instanceIds: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const nodes = new Map((await listComputeNodes(deps.stores)).map(({ uuid, name }) => [uuid, name]));
  const told = await Promise.all(instanceIds.slice(0, most).map((id) => belongings(deps, id, nodes, signal)));
  return [...told.flat(), ...(instanceIds.length > most ? [`${instanceIds.length - most} more servers`] : [])];
}

async function belongings(
  deps: ConductorDeps,
  id: string,
  nodes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const session = deps.identity.serviceSession;
  const found = await findInstance(deps.stores, id, { deleted: true });
  const moves = found === null ? [] : await movesOf(deps.stores.cell(found.cellId), id);
  const instance = found?.instance ?? null;
  const state =
    instance === null
      ? `server ${id}: no cell has it`
      : `server ${id}: ${instance.deletedAt === null ? instance.vmState : 'deleted'}, task_state ${instance.taskState ?? 'none'}, ${instance.host === null ? 'on no host' : `on ${instance.host}`}`;
  const hosts = new Set([instance?.host ?? null, ...moves.flatMap(({ sourceHost, destHost }) => [sourceHost, destHost])]);
  const claimed = (consumer: string, who: string): Promise<readonly string[]> =>
    seen(`resources of ${who}`, async () =>
      Object.entries((await deps.placement.allocations(session, consumer)).allocations).map(
        ([provider, { resources }]) =>
          `resources of ${nodes.get(provider) ?? `provider ${provider}`}, held by ${who}: ${Object.entries(resources)
            .map(([name, amount]) => `${amount} ${name}`)
            .join(', ')}`,
      ),
    );
  const parts = await Promise.all([
    claimed(id, 'the server'),
    ...moves.map((move) => claimed(move.id, `its move ${move.id}`)),
    seen('ports', async () =>
      (await deps.network.ports(session, { device_id: id })).map(
        ({ id: port, binding }) => `port ${port}, ${binding.hostId === '' ? 'bound to no host' : `bound to ${binding.hostId}`}`,
      ),
    ),
    seen('volumes', async () =>
      instance?.blockDevices.some(({ destinationType }) => destinationType === 'volume') === true || moves.length > 0
        ? (await deps.volume.attachments(session, { serverId: id })).map(
            ({ id: attachment, volumeId, status }) => `attachment ${attachment} of volume ${volumeId}, ${status}`,
          )
        : [],
    ),
    ...[...hosts].flatMap((host) => (host === null ? [] : [guestOn(deps, id, host, signal)])),
  ]);
  return [state, ...moves.map((move) => `move ${move.id}: a ${move.type} that is ${move.status}`), ...parts.flat()];
}

/** A guest, and what is set aside of one. */
const guestOn = (deps: ConductorDeps, id: string, host: string, signal: AbortSignal): Promise<readonly string[]> =>
  seen(`guest on ${host}`, async () => {
    const agent = deps.agentOn(host);
    const [guest, aside] = await Promise.all([
      agent.inspect({ instanceId: id }, { signal, timeoutMs: patienceMs }),
      agent.guestsAside({}, { signal, timeoutMs: patienceMs }),
    ]);
    const names = new Map(Object.entries(powerStates).map(([name, number]) => [number, name]));
    return [
      ...(guest === null ? [] : [`guest on ${host}, ${names.get(guest.powerState) ?? 'in an unknown state'}`]),
      ...(aside.instanceIds.includes(id) ? [`guest set aside on ${host}`] : []),
    ];
  });

/** What a look tells, or that it could not be had. */
const seen = async (what: string, look: () => Promise<readonly string[]>): Promise<readonly string[]> => {
  try {
    return await look();
  } catch (error) {
    return [`${what}: cannot be seen now (${messageOf(error)})`];
  }
};
