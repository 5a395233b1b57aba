import type { Clock } from '../../lib/clock.ts';
import { routeFactory } from '../../lib/http/route.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { Reconciler } from '../../lib/reconciler/reconciler.ts';
import type { ComputeEvents } from './compute-events/compute-events.ts';
import type { NetworkRule } from './policy.ts';
import type { NetworkDatabase } from './store/tables.ts';
import type { HostWishes } from './wish/host-wishes.ts';
import type { AgentLiveness } from './agent-liveness.ts';

/** What every handler of the network service is given. */
export interface NetworkDeps {
  readonly db: NetworkDatabase;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** `none`: ports are bound without an agent and are active at once. */
  readonly dataPlane: 'linux-bridge' | 'none';
  /** Addresses of the networks that projects have made for them. */
  readonly autoAllocatedCidr: string;
  readonly wishes: HostWishes;
  readonly events: ComputeEvents;
  readonly liveness: AgentLiveness;
  /** Places DHCP servers and routers on hosts. */
  readonly placing: Pick<Reconciler, 'nudge' | 'runNow'>;
}

export const route = routeFactory<NetworkDeps, NetworkRule>();
