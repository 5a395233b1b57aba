import { existsSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Settings } from '../../config/index.ts';
import { invalid } from '../../lib/errors.ts';

/** What is done with requests of either kind. */
export interface Listener {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

const oldestVersion = { default: null, tlsv1_1: 'TLSv1.1', tlsv1_2: 'TLSv1.2', tlsv1_3: 'TLSv1.3' } as const;
/** The first byte of a TLS connection; no HTTP request begins with it. */
const handshake = 22;
const patience = { headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 };

/** A server that takes HTTP, and HTTPS on the same port where there is a certificate; with `ssl_only` nothing else. */
export function createListener({ DEFAULT, console: tls }: Pick<Settings, 'DEFAULT' | 'console'>, { request, upgrade }: Listener): Server {
  const plain = createHttpServer(patience, request).on('upgrade', upgrade);
  if (!existsSync(DEFAULT.cert)) {
    if (DEFAULT.ssl_only) throw invalid(`[DEFAULT] ssl_only is set, but there is no certificate at [DEFAULT] cert, ${DEFAULT.cert}.`);
    return plain;
  }
  const oldest = oldestVersion[tls.ssl_minimum_version];
  const secure = createHttpsServer(
    {
      ...patience,
      cert: readFileSync(DEFAULT.cert),
      key: readFileSync(DEFAULT.key ?? DEFAULT.cert),
      ...(oldest === null ? {} : { minVersion: oldest }),
      ...(tls.ssl_ciphers === null ? {} : { ciphers: tls.ssl_ciphers }),
    },
    request,
  ).on('upgrade', upgrade);
  return createServer((socket: Socket) => {
    socket.setTimeout(patience.headersTimeout, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) {
        socket.destroy(); // it came and went
        return;
      }
      socket.setTimeout(0).removeAllListeners('timeout');
      socket.unshift(first);
      if (first[0] === handshake) secure.emit('connection', socket);
      else if (DEFAULT.ssl_only) socket.destroy();
      else plain.emit('connection', socket);
    });
  });
}
