import Type from 'typebox';
import { contract, trusted, type Client } from '../lib/rpc/contract.ts';
import type { GuestDiagnostics } from '../domain/guest-diagnostics.ts';
import type { MoveProgress } from '../domain/move.ts';
import type { PlacedDevice } from '../domain/metadata/tagged-devices.ts';
import type { FittedTopology } from '../domain/numa/guest-topology.ts';
import type { GuestOrder } from '../domain/guest-order.ts';
import type { BlockDevice, InstanceImage, PowerState } from '../domain/instance.ts';
import type { Vif } from '../domain/network-info.ts';

const GuestRef = Type.Object({ instanceId: Type.String() });
const ImageOfGuest = Type.Object({ instanceId: Type.String(), imageId: Type.String() });

/** Where a console of a guest is found, and where users are sent for it. */
export interface ConsoleAddress {
  readonly host: string;
  readonly port: number;
  /** The same over TLS, where there is one. */
  readonly tlsPort: number | null;
  /** What the other end must be told before it is the console; null where nothing stands between. */
  readonly internalAccessPath: string | null;
  /** The page or WebSocket that users are given, without their token. */
  readonly accessUrlBase: string;
}
const State = Type.Object({ powerState: Type.Unsafe<PowerState>({ type: 'integer' }) });

/**
 * What the conductor asks of a host. Keys of commands begin with the instance's id and a slash. Every command bears being repeated: a
 * guest that is already as asked is a success. Topic: `compute.<host>`.
 */
export const computeAgent = contract('compute', {
  /** Proof of life: answered only by a host that executes commands. It says why no guest should be placed on it, and what time it has (ms since the epoch). */
  ping: {
    since: 1,
    kind: 'query',
    args: Type.Object({}),
    result: Type.Object({ version: Type.Integer(), problems: Type.Array(Type.String()), now: Type.Integer() }),
  },
  /** Makes and starts a guest (leaves it off where `start` is false): image cached, disks and config drive made, ports plugged and reported ready. Leaves nothing behind when it fails. */
  spawn: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; start?: boolean }>(), result: State },
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
  /** Plugs one more interface into a guest: at once when it runs, else from its next start. */
  attachInterface: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; vif: Vif }>() },
  /** Takes an interface out, once the guest has let go of it; succeeds when it is not there. `conflict` when the guest keeps it. */
  detachInterface: { since: 1, kind: 'command', args: trusted<{ instanceId: string; vif: Vif }>() },
  /** Connects a volume that is reserved for the guest (`device.attachmentId`), and plugs it in: at once when it runs, else from its next start. */
  attachVolume: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; device: BlockDevice }>() },
  /** Takes a volume out, once the guest has let go of it; succeeds when it is not in. `conflict` when the guest keeps it. */
  detachVolume: { since: 1, kind: 'command', args: Type.Object({ instanceId: Type.String(), volumeId: Type.String() }) },
  /** Tells a guest that its volume has so many bytes now. */
  growVolume: {
    since: 1,
    kind: 'command',
    args: Type.Object({ instanceId: Type.String(), volumeId: Type.String(), bytes: Type.Integer({ minimum: 1 }) }),
  },
  /** Has everything on the host that a guest needs to be made (its image above all), and judges whether it can be made there. */
  prepare: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>() },
  /** Makes a guest anew in the place of the one that is there, of which nothing is left. */
  rebuild: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>(), result: State },
  /** Has the guest shut down, and starts it from a rescue image with its own root disk beside. */
  rescue: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; image: InstanceImage; graceSeconds: number }>(), result: State },
  /** Starts a rescued guest from its own disks again. */
  unrescue: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder }>(), result: State },
  /** Copies the root disk as it is at one moment; the copy is kept under the image's id until it is uploaded or discarded. */
  snapshot: {
    since: 1,
    kind: 'command',
    args: trusted<{ order: GuestOrder; imageId: string; format: 'raw' | 'qcow2' | 'iso'; quiesce: 'never' | 'try' | 'must' }>(),
  },
  /** Gives an image the data of its snapshot, and discards the copy. */
  uploadSnapshot: { since: 1, kind: 'command', args: ImageOfGuest },
  discardSnapshot: { since: 1, kind: 'command', args: ImageOfGuest },
  /** Sets a password inside the guest. Asked again under the same key, it may be left out: the answer is that of the first call. */
  setPassword: {
    since: 1,
    kind: 'command',
    args: Type.Object({ instanceId: Type.String(), user: Type.String(), password: Type.Union([Type.String(), Type.Null()]) }),
  },
  /** Sends the guest a non-maskable interrupt. */
  crashDump: { since: 1, kind: 'command', args: GuestRef },
  /** The last lines of the console's log; all that is kept when `lines` is null. */
  consoleOutput: {
    since: 1,
    kind: 'query',
    args: Type.Object({ instanceId: Type.String(), lines: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]) }),
    result: Type.Object({ text: Type.String() }),
  },
  /**
   * Where a console of a running guest is. `invalid` for one this host does not offer, `unsupported` for one its hypervisor does not
   * have, `conflict` for a guest that does not run. The same answer as before means that it is still the same console.
   */
  console: {
    since: 1,
    kind: 'query',
    args: Type.Object({ instanceId: Type.String(), protocol: Type.Enum(['vnc', 'spice', 'serial', 'mks']), type: Type.String() }),
    result: trusted<ConsoleAddress>(),
  },
  /** Null for a guest this host does not have. */
  inspect: { since: 1, kind: 'query', args: GuestRef, result: Type.Union([State, Type.Null()]) },
  /** How busy a guest is; `conflict` for one that does not run. */
  diagnostics: { since: 1, kind: 'query', args: GuestRef, result: trusted<GuestDiagnostics>() },
  /** Where the disks and interfaces of a guest are; none where its hypervisor cannot tell. */
  placedDevices: { since: 1, kind: 'query', args: GuestRef, result: trusted<{ devices: readonly PlacedDevice[] }>() },
  /** How a guest is laid out on its host; null for one that floats over it, and for one this host does not have. */
  topology: { since: 1, kind: 'query', args: GuestRef, result: trusted<{ topology: FittedTopology | null }>() },
  /** Fetches images that guests may soon be made from. An image that cannot be had is told, and keeps no other from being fetched. */
  cacheImages: {
    since: 1,
    kind: 'command',
    args: Type.Object({ imageIds: Type.Array(Type.String()) }),
    result: Type.Object({ failed: Type.Array(Type.Object({ imageId: Type.String(), reason: Type.String() })) }),
  },
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
  /** Whether a guest of that host can come here, by another flavor or another host: refuses (`unsupported`) while nothing has been touched. */
  admitGuest: { since: 1, kind: 'query', args: Type.Object({ from: Type.String(), live: Type.Boolean() }) },
  /**
   * Switches a guest off and keeps what it is under another name, until it is discarded or brought back; `order` is what it shall become.
   * `conflict` with the code `resize-down` when that has smaller disks. One that is set aside already stays so.
   */
  setAside: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; graceSeconds: number }>() },
  /** Makes a guest of what was set aside, here or on another host; one that is here from an earlier try is taken. */
  takeOver: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; from: string; start: boolean }>(), result: State },
  /** Removes what was set aside; succeeds when nothing is. */
  discardAside: { since: 1, kind: 'command', args: GuestRef },
  /** Puts what was set aside in its place again; a guest that was not set aside stays as it is. */
  bringBack: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; start: boolean }>(), result: State },
  /** Guests that are set aside. */
  guestsAside: { since: 1, kind: 'query', args: Type.Object({}), result: Type.Object({ instanceIds: Type.Array(Type.String()) }) },
  /** What lies on the host's disks for guests that are not there; `name` says where below the directory of guests. */
  leftFiles: {
    since: 1,
    kind: 'query',
    args: Type.Object({}),
    result: Type.Object({
      files: Type.Array(Type.Object({ instanceId: Type.String(), name: Type.String(), ageSeconds: Type.Integer() })),
    }),
  },
  /** Removes what `leftFiles` tells; `conflict` when it is of a guest that is there. */
  removeLeftFile: { since: 1, kind: 'command', args: Type.Object({ instanceId: Type.String(), name: Type.String() }) },
  /** On the destination of a live migration: makes ready what the guest finds when it arrives. */
  prepareLiveMigration: { since: 1, kind: 'command', args: trusted<{ order: GuestOrder; from: string }>() },
  /** On the source: ends when the guest runs on the other host, or fails with the guest still here. */
  liveMigrate: { since: 1, kind: 'command', args: trusted<{ instanceId: string; to: string }>() },
  /** `queued` while others of this host are on their way; null when nothing is under way. */
  liveMigrationProgress: {
    since: 1,
    kind: 'query',
    args: GuestRef,
    result: trusted<{ migration: { queued: boolean; progress: MoveProgress | null } | null }>(),
  },
  forceCompleteLiveMigration: { since: 1, kind: 'command', args: GuestRef },
  /** Gives up what is under way, if it can still be given up. Answers whether the guest is here, once nothing is under way any more. */
  abortLiveMigration: { since: 1, kind: 'command', args: GuestRef, result: Type.Object({ here: Type.Boolean() }) },
  /** Reports resources to placement now. */
  reportResources: { since: 1, kind: 'query', args: Type.Object({}) },
});
export type ComputeAgent = Client<typeof computeAgent>;

export const computeTopic = (host: string): string => `compute.${host}`;
