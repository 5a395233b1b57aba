import type { IncomingMessage } from 'node:http';

/** How much of a refused body is read, and for how long, so that a client that still sends gets to see its answer. */
const limits = { bytes: 1_048_576, ms: 1000 };

/** Reads the rest of a request that was answered early and throws it away, within reason; then the connection goes. */
export function drain(request: IncomingMessage, { bytes, ms } = limits): void {
  if (request.readableEnded || request.destroyed) return;
  let left = bytes;
  const cut = (): void => void request.destroy();
  const timer = setTimeout(cut, ms);
  const settle = (): void => clearTimeout(timer);
  request.once('end', settle);
  request.once('close', settle);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) cut();
  });
  request.resume();
}
