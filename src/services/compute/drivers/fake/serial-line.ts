import type { Socket } from 'node:net';

/** The serial port of a guest that has none: says what was on the console, repeats what is typed, and asks again after each line. */
export function serveSerialLine(
  socket: Socket,
  guest: { readonly said: string; readonly prompt: string; heard(line: string): void },
): void {
  socket.write(guest.said.trimEnd().replaceAll(/\r?\n/g, '\r\n'));
  socket.write(' ');
  let line = '';
  socket.on('data', (typed: Buffer) => {
    let echo = '';
    for (const character of typed.toString('latin1')) {
      if (character !== '\r' && character !== '\n') {
        if (line.length < 1024) line += character;
        echo += character;
        continue;
      }
      guest.heard(`${guest.prompt} ${line}`);
      line = '';
      echo += `\r\n${guest.prompt} `;
    }
    if (!socket.write(echo, 'latin1')) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  });
}
