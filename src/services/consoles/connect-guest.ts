import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ConsoleSession } from '../../contracts/consoles.ts';
import { unavailable } from '../../lib/errors.ts';
import { readExactly } from '../../lib/streams/read-exactly.ts';

const timeoutMs = 10_000;
const longestAnswer = 4096;

/** A connection to the console itself; through whatever stands before it, when that wants to be told where to. */
export async function connectGuest({
  host,
  port,
  internalAccessPath,
}: Pick<ConsoleSession, 'host' | 'port' | 'internalAccessPath'>): Promise<Socket> {
  const socket = connect({ host, port });
  const late = (): void => void socket.destroy(unavailable('The console of the server does not answer.'));
  socket.setTimeout(timeoutMs, late);
  try {
    await once(socket, 'connect');
    socket.setNoDelay(true);
    if (internalAccessPath !== null) await passOn(socket, internalAccessPath);
  } catch (error) {
    socket.destroy();
    throw unavailable('The console of the server cannot be reached.', { cause: error });
  }
  socket.setTimeout(0).off('timeout', late);
  return socket;
}

async function passOn(socket: Socket, path: string): Promise<void> {
  if (/[\s\p{Cc}]/u.test(path)) throw unavailable('The console has a path that cannot be one.');
  socket.write(`CONNECT ${path} HTTP/1.1\r\n\r\n`);
  let answer = '';
  while (!answer.endsWith('\r\n\r\n')) {
    if (answer.length > longestAnswer) throw unavailable('What stands before the console gave an answer that is not understood.');
    answer += (await readExactly(socket, 1)).toString('latin1');
  }
  if (!/^HTTP\/1\.\d 200\b/.test(answer)) throw unavailable('What stands before the console refused the connection.');
}
