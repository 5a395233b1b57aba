import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type ConsoleKind = 'vnc' | 'spice' | 'serial';

interface Listener {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  readonly port: Promise<number>;
}

/** The ports on which fake guests show themselves: opened when first asked for, closed when the guest is off. */
export interface GuestConsoles {
  address(id: string, kind: ConsoleKind): Promise<{ readonly host: string; readonly port: number }>;
  /** Of one guest; of all, without one. */
  close(id?: string): void;
}

const host = '127.0.0.1';

export function guestConsoles(serve: (id: string, kind: ConsoleKind, socket: Socket) => void): GuestConsoles {
  const guests = new Map<string, Map<ConsoleKind, Listener>>();

  function open(id: string, kind: ConsoleKind): Listener {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      serve(id, kind, socket);
    });
    server.unref();
    const listening = once(server.listen({ host, port: 0 }), 'listening');
    return { server, sockets, port: listening.then(() => (server.address() as AddressInfo).port) };
  }

  return {
    async address(id, kind) {
      const ofGuest = guests.get(id) ?? new Map<ConsoleKind, Listener>();
      guests.set(id, ofGuest);
      const listener = ofGuest.get(kind) ?? open(id, kind);
      ofGuest.set(kind, listener);
      return { host, port: await listener.port };
    },
    close(id) {
      for (const one of id === undefined ? [...guests.keys()] : [id]) {
        for (const { server, sockets } of guests.get(one)?.values() ?? []) {
          server.close();
          for (const socket of sockets) socket.destroy();
        }
        guests.delete(one);
      }
    },
  };
}
