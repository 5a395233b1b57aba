import { connect, type Socket } from 'node:net';
import { internal, unavailable } from '../../../lib/errors.ts';

/** A monitor of a QEMU program (QMP): commands one after the other. */
export interface Monitor extends Disposable {
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

interface Message {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

const patienceMs = 30_000;
/** More than any answer to the few commands that are sent. */
const longestAnswer = 16 * 1024 ** 2;

/** Connects to the monitor at a socket; `unavailable` when nobody answers there. */
export async function openMonitor(path: string): Promise<Monitor> {
  const socket = connect(path);
  const messages = readMessages(socket);
  const next = async (): Promise<Message> => {
    for (;;) {
      const { done, value } = await messages.next();
      if (done === true) throw unavailable('The storage daemon has hung up.');
      if (value.event === undefined) return value;
    }
  };
  const execute: Monitor['execute'] = async (command, args = {}) => {
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const answer = await next();
    if (answer.error !== undefined)
      throw internal(`The storage daemon refuses ${command}.`, { cause: new Error(answer.error.desc), code: answer.error.class });
    return answer.return;
  };
  try {
    await next();
    await execute('qmp_capabilities');
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { execute, [Symbol.dispose]: () => void socket.destroy() };
}

/** The JSON lines that come; ends when the other side does, or is silent for too long while something is awaited. */
async function* readMessages(socket: Socket): AsyncGenerator<Message, void, undefined> {
  socket.setEncoding('utf8');
  socket.setTimeout(patienceMs, () => socket.destroy(unavailable('The storage daemon does not answer.')));
  let rest = '';
  try {
    for await (const chunk of socket) {
      rest += String(chunk);
      if (rest.length > longestAnswer) throw internal('The storage daemon’s answer does not end.');
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Message;
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code))
      throw unavailable('The storage daemon does not answer.', { cause: error });
    throw error;
  }
}
