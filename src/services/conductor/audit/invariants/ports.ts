import type { Port } from '../../../../clients/network.ts';
import { isKind } from '../../../../lib/errors.ts';
import { listServices } from '../../../../store/services.ts';
import type { ConductorDeps } from '../../deps.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances } from '../known-instances.ts';

/** Ports that a server was given, not those its user brought. */
const isOwned = (port: Port): boolean => port.binding.profile['kilonova_owned'] === true;

/** Ports on hosts that are not ours, of servers we never knew, are those of another cloud with the same network service. */
export const ports: Invariant = {
  name: 'port-has-server',
  says: 'A port that belongs to a server belongs to one that exists, and is bound to no other host than its own.',
  async check({ deps }) {
    const { stores, network, identity } = deps;
    const taken = (await network.ports(identity.serviceSession, { limit: '1000' })).filter(
      ({ deviceOwner, deviceId }) => deviceOwner.startsWith('compute:') && deviceId !== '',
    );
    const known = await knownInstances(
      stores,
      taken.map(({ deviceId }) => deviceId),
    );
    const hosts = new Set((await listServices(stores)).filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host));
    return taken.flatMap((port) => {
      const rows = known.get(port.deviceId) ?? [];
      const { hostId } = port.binding;
      const ours = rows.length > 0 || hosts.has(hostId);
      const live = rows.find((row) => row.live);
      if (live !== undefined)
        return hostId === '' || live.host === null || hostId === live.host ? [] : [boundElsewhere(deps, port, live.host)];
      if (!ours && hostId !== '') return [];
      const owned = ours && isOwned(port);
      return [
        {
          subject: `port ${port.id}`,
          what: `It belongs to the server ${port.deviceId}, which ${rows.length > 0 ? 'is deleted' : 'does not exist'}.`,
          repair: owned ? 'Delete it.' : `It was not made for the server: take it from it with openstack port unset --device ${port.id}`,
          excusedBy: [port.deviceId],
          ...(owned ? { mend: () => deletePort(deps, port) } : {}),
        },
      ];
    });
  },
};

/** A port that is wired where its server is not. */
function boundElsewhere(deps: ConductorDeps, { id, deviceId, binding }: Port, host: string): Finding {
  return {
    subject: `port ${id}`,
    what: `It is bound to ${binding.hostId}, and its server ${deviceId} is on ${host}.`,
    repair: `Bind it to ${host}.`,
    excusedBy: [deviceId],
    mend: async () => {
      const rows = (await knownInstances(deps.stores, [deviceId])).get(deviceId) ?? [];
      const now = await deps.network.port(deps.identity.serviceSession, id);
      if (now.deviceId !== deviceId || rows.find((row) => row.live)?.host !== host) return;
      await deps.network.updatePort(deps.identity.serviceSession, id, { hostId: host });
    },
  };
}

/** Deletes a port if it still is what was seen. */
async function deletePort({ network, identity }: ConductorDeps, seen: Port): Promise<void> {
  try {
    const now = await network.port(identity.serviceSession, seen.id);
    if (now.deviceId === seen.deviceId && isOwned(now)) await network.deletePort(identity.serviceSession, seen.id);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
  }
}
