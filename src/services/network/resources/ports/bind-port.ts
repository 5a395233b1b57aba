import type { NetworkDeps } from '../../deps.ts';
import type { Tx } from '../../store/tables.ts';

/** How a port is plugged on a host. */
export interface Binding {
  readonly host: string;
  readonly vnicType: string;
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
}

/** A port that no host has. */
export const unbound = (vnicType: string, profile: Readonly<Record<string, unknown>>): Binding => ({
  host: '',
  vnicType,
  vifType: 'unbound',
  vifDetails: {},
  profile,
});

/** Ports without a host carry no details, and one that could not be bound says so. */
export const canPlug = (binding: Pick<Binding, 'vifType'>): boolean =>
  binding.vifType !== 'unbound' && binding.vifType !== 'binding_failed';

/** The Linux bridge of a network, named as Neutron names it. */
const bridgeOf = (networkId: string): string => `brq${networkId.slice(0, 11)}`;

/** Decides how a port of a network is plugged on a host: on its bridge, where an agent is alive or none is needed. */
export function decideBinding(
  request: {
    readonly host: string;
    readonly vnicType: string;
    readonly profile: Readonly<Record<string, unknown>>;
    readonly networkId: string;
  },
  { dataPlane, agentAlive }: { readonly dataPlane: NetworkDeps['dataPlane']; readonly agentAlive: boolean },
): Binding {
  const { host, vnicType, profile, networkId } = request;
  if (host === '') return unbound(vnicType, profile);
  const possible = dataPlane === 'none' || (agentAlive && vnicType === 'normal');
  if (!possible) return { host, vnicType, vifType: 'binding_failed', vifDetails: {}, profile };
  return {
    host,
    vnicType,
    vifType: 'bridge',
    vifDetails: { port_filter: true, connectivity: 'l2', bridge_name: bridgeOf(networkId) },
    profile,
  };
}

/** Binds a port to a host, asking within the caller's transaction whether the host's agent is alive. */
export async function bind(
  deps: Pick<NetworkDeps, 'dataPlane' | 'liveness'>,
  tx: Tx,
  request: {
    readonly host: string;
    readonly vnicType: string;
    readonly profile: Readonly<Record<string, unknown>>;
    readonly networkId: string;
  },
): Promise<Binding> {
  const agentAlive = deps.dataPlane === 'linux-bridge' && request.host !== '' && (await deps.liveness.isAlive(tx, request.host));
  return decideBinding(request, { dataPlane: deps.dataPlane, agentAlive });
}
