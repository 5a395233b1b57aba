import { generateKeyPairSync } from 'node:crypto';
import type { Socket } from 'node:net';
import { readExactly } from '../../../../lib/streams/read-exactly.ts';

const linkHeaderBytes = 16;
const longestLinkMessage = 4096;
const ticketBytes = 128;
const main = { channel: 1, init: 103 } as const;
const errors = { ok: 0, invalidMagic: 2, invalidData: 3 } as const;

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
};

/** Made once: what viewers encrypt their password with, of which there is none. */
let publicKey: Buffer | null = null;
const keyOfTickets = (): Buffer =>
  (publicKey ??= generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'der' }));

/** `REDQ`, version 2.2 and a reply without capabilities. */
const linkReply = (error: number): Buffer => {
  const reply = Buffer.concat([words(error), keyOfTickets(), words(0, 0, 178)]);
  return Buffer.concat([Buffer.from('REDQ'), words(2, 2, reply.length), reply]);
};

/**
 * Speaks just enough SPICE (protocol 2.2) for a viewer to believe that it is connected: takes any password, announces no display, and
 * shows nothing until the connection ends.
 */
export async function serveSpiceChannel(socket: Socket): Promise<void> {
  const header = await readExactly(socket, linkHeaderBytes);
  if (header.toString('latin1', 0, 4) !== 'REDQ') return void socket.end(linkReply(errors.invalidMagic));
  const size = header.readUInt32LE(12);
  if (size < 18 || size > longestLinkMessage) return void socket.end(linkReply(errors.invalidData));
  const channel = (await readExactly(socket, size)).readUInt8(4);
  socket.write(linkReply(errors.ok));
  await readExactly(socket, ticketBytes);
  socket.write(words(errors.ok));
  if (channel === main.channel) {
    const message = words(1, 0, 1, 1, 0, 0, 0, 0); // session, displays, mouse modes, mode, agent, tokens, time, memory
    const head = Buffer.alloc(18); // serial (8), type (2), size (4), sub-messages (4)
    head.writeUInt8(1, 0);
    head.writeUInt16LE(main.init, 8);
    head.writeUInt32LE(message.length, 10);
    socket.write(Buffer.concat([head, message]));
  }
  socket.resume(); // what the viewer says is for a screen that is not there
}
