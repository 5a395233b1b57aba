import Type from 'typebox';
import { contract, trusted, type Client } from '../lib/rpc/contract.ts';
import type { GuestOrder } from '../domain/guest-order.ts';
import type { PowerState } from '../domain/instance.ts';
import type { Vif } from '../domain/network-info.ts';

const GuestRef = Type.Object({ instanceId: Type.String() });
const State = Type.Object({ powerState: Type.Unsafe<PowerState>({ type: 'integer' }) });

/**
 * What the conductor asks of a host. Keys of commands begin with the instance's id and a slash. Every command bears being repeated: a
 * guest that is already as asked is a success. Topic: `compute.<host>`.
 */
export const computeAgent = contract('compute', {
  /** Proof of life: answered only by a host that executes commands. */
  ping: {
    since: 1,
    kind: 'query',
    args: Type.Object({}),
    result: Type.Object({ version: Type.Integer(), problems: Type.Array(Type.String()) }),
  },
  /** Makes and starts a guest: image cached, disks and config drive made, ports plugged and reported ready. Leaves nothing behind when it fails. */
  spawn: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>(), result: State },
  /** Removes a guest with its disks and plugs; succeeds when it is already gone. */
  destroy: { since: 1, kind: 'command', args: trusted<{ instanceId: string; vifs: readonly Vif[] }>() },
  /** Asks the guest to shut down, and switches it off when it has not after so many seconds (0: at once). */
  powerOff: {
    since: 1,
    kind: 'command',
    args: Type.Object({ instanceId: Type.String(), graceSeconds: Type.Integer({ minimum: 0 }) }),
    result: State,
  },
  /** Starts a guest that is off, defined anew from its order. */
  powerOn: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>(), result: State },
  /** Soft: the guest's own shutdown and start, hard when it does not within the configured time. Hard: destroyed and made again from its order, disks kept. */
  reboot: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; type: 'SOFT' | 'HARD' }>(), result: State },
  pause: { since: 1, kind: 'command', args: GuestRef, result: State },
  unpause: { since: 1, kind: 'command', args: GuestRef, result: State },
  suspend: { since: 1, kind: 'command', args: GuestRef, result: State },
  resume: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>(), result: State },
  /** The last lines of the console's log; all that is kept when `lines` is null. */
  consoleOutput: {
    since: 1,
    kind: 'query',
    args: Type.Object({ instanceId: Type.String(), lines: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]) }),
    result: Type.Object({ text: Type.String() }),
  },
  /** Null for a guest this host does not have. */
  inspect: { since: 1, kind: 'query', args: GuestRef, result: Type.Union([State, Type.Null()]) },
  /** Every guest of this cloud on the host. */
  guests: {
    since: 1,
    kind: 'query',
    args: Type.Object({}),
    result: Type.Object({
      guests: Type.Array(Type.Object({ instanceId: Type.String(), name: Type.String(), powerState: Type.Integer() })),
    }),
  },
  /** Uptime line of the host, for `hypervisor show`. */
  uptime: { since: 1, kind: 'query', args: Type.Object({}), result: Type.Object({ text: Type.String() }) },
  /** The network service has something to say of a port (`network-vif-plugged`, …). */
  networkEvent: {
    since: 1,
    kind: 'query',
    args: Type.Object({
      instanceId: Type.String(),
      name: Type.String(),
      tag: Type.Union([Type.String(), Type.Null()]),
      status: Type.String(),
    }),
  },
  /** Reports resources to placement now. */
  reportResources: { since: 1, kind: 'query', args: Type.Object({}) },
});
export type ComputeAgent = Client<typeof computeAgent>;

export const computeTopic = (host: string): string => `compute.${host}`;
