import { createServer } from 'node:net';
import { invalid, KilonovaError } from '../../../../lib/errors.ts';
import { LibvirtError } from '../../../../lib/libvirt/index.ts';

/**
 * Gives the serial ports of guests their TCP ports. A guest keeps those it has until it is destroyed, unless somebody else has taken one
 * while it was off.
 */
export interface SerialPortBook {
  /** For a guest that is off. */
  take(guestId: string, count: number): Promise<readonly number[]>;
  /** All that a guest has are free again. */
  release(guestId: string): void;
}

export interface SerialPortBookOptions {
  /** `first:end`, the end not included. */
  readonly range: string;
  readonly host: string;
  /** What guests that were made before hold, ours and others'; read once, before the first port is given. */
  readonly heldAlready: () => Promise<ReadonlyMap<string, readonly number[]>>;
  /** Whether nobody listens there; left out: it is tried. */
  readonly isFree?: (host: string, port: number) => Promise<boolean>;
}

export function serialPortBook({ range, host, heldAlready, isFree = canListen }: SerialPortBookOptions): SerialPortBook {
  const { first, end } = portRange(range);
  let held: Map<string, readonly number[]> | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  const areFree = async (ports: readonly number[]): Promise<boolean> =>
    (await Promise.all(ports.map((port) => isFree(host, port)))).every(Boolean);

  async function give(guestId: string, count: number): Promise<readonly number[]> {
    held ??= new Map(await heldAlready());
    const own = held.get(guestId);
    if (own?.length === count && (await areFree(own))) return own;
    const taken = new Set([...held].flatMap(([id, ports]) => (id === guestId ? [] : ports)));
    const given: number[] = [];
    for (let port = first; port < end && given.length < count; port++) if (!taken.has(port) && (await isFree(host, port))) given.push(port);
    if (given.length < count)
      throw new KilonovaError('unavailable', `Not able to acquire a free port for ${host}`, { code: 'serial-ports-exhausted' });
    held.set(guestId, given);
    return given;
  }
  return {
    take(guestId, count) {
      const mine = turn.then(() => give(guestId, count));
      turn = mine.catch(() => undefined);
      return mine;
    },
    release: (guestId) => void held?.delete(guestId),
  };
}

/** Whether a guest was not started because somebody took one of its ports after it was found free. */
export const portWasTaken = (error: unknown): boolean =>
  error instanceof LibvirtError && /chardev socket.*Address already in use/s.test(error.message);

function portRange(text: string): { readonly first: number; readonly end: number } {
  const [, first, end] = (/^(\d{1,5}):(\d{1,5})$/.exec(text.trim()) ?? []).map(Number);
  if (first === undefined || end === undefined || first < 1 || first >= end || end > 65_536)
    throw invalid(`[serial_console] port_range '${text}' is not allowed; it must be first:end, such as 10000:20000.`);
  return { first, end };
}

function canListen(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}
