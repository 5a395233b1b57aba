import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Why a console ends: codes of RFC 6455, and words for the viewer. */
export const endings = {
  guestClosed: { code: 1000, reason: 'The server closed its console.' },
  guestFailed: { code: 1011, reason: 'The connection to the server’s console broke.' },
  timeOver: { code: 1008, reason: 'The time of this console is over.' },
  shutdown: { code: 1001, reason: 'The console proxy stops.' },
} as const;

export type Ending = (typeof endings)[keyof typeof endings];

export const end = (socket: WebSocket, { code, reason }: Ending): void => socket.close(code, reason);

/** Passes bytes on in both directions, as fast as the slower side takes them. Resolves when either side has gone. */
export function relay({
  socket,
  viewer,
  guest,
}: {
  readonly socket: WebSocket;
  readonly viewer: Duplex;
  readonly guest: Duplex;
}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let ended = false;
  guest
    .on('end', () => {
      ended = true;
      viewer.write(Buffer.alloc(0), () => end(socket, endings.guestClosed)); // after all that is still on its way
    })
    .on('error', () => end(socket, endings.guestFailed))
    .on('close', () => ended || end(socket, endings.guestClosed));
  viewer.on('error', () => guest.destroy()).on('close', () => guest.destroy());
  socket.on('close', () => {
    guest.destroy();
    resolve();
  });
  if (socket.readyState === socket.CLOSED) {
    guest.destroy();
    resolve();
  }
  guest.pipe(viewer, { end: false });
  viewer.pipe(guest, { end: false });
  return promise;
}
