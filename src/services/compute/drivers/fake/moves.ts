import { powerStates, type PowerState } from '../../../../domain/instance.ts';
import type { Clock } from '../../../../lib/clock.ts';
import { conflict, notFound, unavailable } from '../../../../lib/errors.ts';
import type { GuestSpec } from '../driver.ts';
import type { GuestMoves, LiveMoves } from '../guest-moves.ts';
import type { FakeGuest, GuestBook } from './guest-book.ts';

/** What a host that pretends lets others do with its guests. */
export interface FakePeer {
  asideOf(id: string): FakeGuest | null;
  /** Takes a guest that comes from another host, running. */
  receive(guest: FakeGuest): void;
}

interface FakeMovesDeps {
  readonly host: string;
  readonly clock: Clock;
  readonly book: GuestBook;
  readonly guests: Map<string, FakeGuest>;
  readonly peer: (host: string) => FakePeer | null;
  readonly find: (id: string) => FakeGuest;
  readonly keep: (guest: FakeGuest) => void;
  readonly strike: (operation: string, guest: FakeGuest | GuestSpec, signal?: AbortSignal) => Promise<void>;
  readonly boot: (guest: FakeGuest) => void;
  readonly switchOff: (guest: FakeGuest) => void;
  readonly newGuest: (spec: GuestSpec) => FakeGuest;
  /** Forgets a guest that runs elsewhere now. */
  readonly leave: (id: string) => void;
}

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
/** How much of a guest a second brings over, as far as it can be seen. */
const bytesPerSecond = 64 * MiB;
/** Under which guests that are set aside stand in the book. */
const asideSuffix = '/aside';

/** Whether an entry of the book is a guest that is set aside. */
export const isAside = ({ id }: FakeGuest): boolean => id.endsWith(asideSuffix);

/** Moves between hosts that share a process: what was set aside and what runs is handed over in memory. */
export function fakeMoves(deps: FakeMovesDeps): { readonly moves: GuestMoves; readonly liveMoves: LiveMoves; readonly peer: FakePeer } {
  const { host, clock, book, guests, find, keep, strike } = deps;
  const aside = new Map<string, FakeGuest>(
    book
      .ofHost(host)
      .filter(isAside)
      .map((guest) => ({ ...guest, id: guest.id.slice(0, -asideSuffix.length) }))
      .map((guest) => [guest.id, guest]),
  );
  const put = (guest: FakeGuest): void => {
    aside.set(guest.id, guest);
    book.put(host, { ...guest, id: `${guest.id}${asideSuffix}` });
  };
  const drop = (id: string): void => {
    aside.delete(id);
    book.remove(host, `${id}${asideSuffix}`);
  };
  /** What guests that are to arrive will have of this host. */
  const arriving = new Map<string, GuestSpec>();
  const receive = (arrived: FakeGuest): void => {
    const { holding: _, ...guest } = arrived; // what it had of the other host
    const holding = arriving.get(guest.id)?.holding;
    arriving.delete(guest.id);
    keep(holding === undefined ? guest : { ...guest, holding });
  };
  const onTheWay = new Map<string, { readonly began: number; readonly total: number; readonly forced: AbortController }>();

  const moves: GuestMoves = {
    async setAside(id, { becomes, signal }) {
      if (aside.has(id)) return;
      await strike('setAside', find(id), signal);
      signal.throwIfAborted();
      const guest = find(id);
      const gigabytes = becomes.reduce((sum, disk) => sum + (disk.bytes ?? 0), 0) / GiB;
      if (becomes.every(({ bytes }) => bytes !== null) && Math.ceil(gigabytes) < guest.diskGb)
        throw conflict('Resize error: Unable to resize disk down.', { code: 'resize-down' });
      deps.switchOff(guest);
      put(find(id));
      guests.delete(id);
      book.remove(host, id);
    },
    reaches: () => undefined,
    async takeOver(spec, { from, start, signal }) {
      await strike('takeOver', spec, signal);
      signal.throwIfAborted();
      if (!guests.has(spec.id)) {
        const source = from === host ? aside.get(spec.id) : deps.peer(from)?.asideOf(spec.id);
        if (source == null) throw notFound(`Nothing of guest ${spec.id} is set aside on ${from}.`, { code: 'guest-not-found' });
        keep({ ...deps.newGuest(spec), console: source.console });
      }
      if (start && find(spec.id).powerState !== powerStates.running) deps.boot(find(spec.id));
    },
    async discardAside(id) {
      const guest = aside.get(id);
      if (guest === undefined) return;
      await strike('discardAside', guest);
      drop(id);
    },
    async bringBack(spec, { start, signal }) {
      await strike('bringBack', spec, signal);
      const kept = aside.get(spec.id);
      if (kept !== undefined) {
        keep(kept);
        drop(spec.id);
      }
      const guest = find(spec.id);
      if (start && guest.powerState !== powerStates.running) deps.boot({ ...deps.newGuest(spec), console: guest.console });
    },
    aside: () => Promise.resolve([...aside.keys()]),
  };

  const movable: readonly PowerState[] = [powerStates.running, powerStates.paused];
  const liveMoves: LiveMoves = {
    async prepare(spec, { signal }) {
      await strike('prepareLiveMigration', spec, signal);
      if (guests.has(spec.id)) throw conflict(`Guest ${spec.id} is on ${host} already.`, { code: 'guest-exists' });
      arriving.set(spec.id, spec);
    },
    async send(id, { to, signal }) {
      const guest = find(id);
      if (!movable.includes(guest.powerState))
        throw conflict(`Guest ${id} cannot be moved in power state ${guest.powerState}.`, { code: 'power-state' });
      const forced = new AbortController();
      onTheWay.set(id, { began: clock.now(), total: guest.memoryMb * MiB, forced });
      try {
        await strike('liveMigrate', guest, AbortSignal.any([signal, forced.signal])).catch((error: unknown) => {
          if (!forced.signal.aborted || signal.aborted) throw error;
        });
        signal.throwIfAborted();
        const there = deps.peer(to);
        if (there === null) throw unavailable(`Host ${to} does not answer.`);
        there.receive(find(id));
        deps.leave(id);
      } finally {
        onTheWay.delete(id);
      }
    },
    progress(id) {
      const job = onTheWay.get(id);
      if (job === undefined) return null;
      // the last tenth is what goes on changing while it is copied
      const done = Math.min(Math.round(((clock.now() - job.began) / 1000) * bytesPerSecond), Math.round(job.total * 0.9));
      return {
        memoryTotal: job.total,
        memoryProcessed: done,
        memoryRemaining: job.total - done,
        diskTotal: 0,
        diskProcessed: 0,
        diskRemaining: 0,
      };
    },
    async forceComplete(id) {
      const job = onTheWay.get(id);
      if (job === undefined) throw conflict(`Guest ${id} is not being moved.`, { code: 'not-moving' });
      job.forced.abort(new Error('forced to complete'));
    },
  };
  return { moves, liveMoves, peer: { asideOf: (id) => aside.get(id) ?? null, receive } };
}
