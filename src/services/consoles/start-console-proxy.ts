import { once } from 'node:events';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws';
import type { Settings } from '../../config/index.ts';
import type { ConsoleSession } from '../../contracts/consoles.ts';
import type { Clock } from '../../lib/clock.ts';
import { unavailable } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { connectGuest } from './connect-guest.ts';
import type { ConsoleClient } from './console-client.ts';
import { consoleKinds, type ConsoleKind } from './console-kinds.ts';
import { showPage } from './console-pages.ts';
import { createListener } from './create-listener.ts';
import { findSession, type Refusal } from './find-session.ts';
import { end, endings, relay } from './relay.ts';

export interface ConsoleProxyDeps {
  readonly kind: ConsoleKind;
  readonly consoles: Pick<ConsoleClient, 'open'>;
  readonly settings: Settings;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ConsoleProxy extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<void>;
}

/** The most one viewer may send at once. */
const maxMessageBytes = 1024 ** 2;
const mostUnheardBytes = 64 * 1024;
/** How many viewers a proxy may have. */
const mostViewersInAll = 2000;
const heartbeatMs = 30_000;
/** Timers run no longer. */
const longestTimerMs = 2 ** 31 - 1;
/** How long viewer and guest have to agree on how they talk. */
const agreementMs = 30_000;
/** How long viewers have to take their last bytes when the proxy stops. */
const goodbyeMs = 1000;
/** Viewers that name this sub-protocol are told in words why a console was not opened; others see the handshake refused. */
const reasonsProtocol = 'kilonova.reasons';

/** Starts a proxy between WebSockets of viewers and the consoles of guests, with the pages that users are sent to. */
export async function startConsoleProxy(deps: ConsoleProxyDeps): Promise<ConsoleProxy> {
  const { settings, clock, log } = deps;
  const { types, pages: pagesOf, mostViewers, beginning } = consoleKinds[deps.kind];
  const pages = pagesOf(settings);
  const begin = await beginning(settings);
  const stopping = new AbortController();
  const viewers = new Map<WebSocket, Viewer>();
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: maxMessageBytes,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  });

  async function open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const session = await findSession({ consoles: deps.consoles, types, settings, log }, request);
    if ('reason' in session) return refuse(session);
    const ofServer = [...viewers.values()].filter(({ instanceId }) => instanceId === session.instanceId);
    if (ofServer.length >= mostViewers)
      return refuse({ status: 409, code: 4409, reason: 'The console is open elsewhere: it opens here when it is closed there.' });
    if (viewers.size >= mostViewersInAll) return refuse({ status: 503, code: 1013, reason: 'Too many consoles are open.' });
    const guest = await connectGuest(session).catch((error: unknown) => {
      log.warn({ err: error, instanceId: session.instanceId }, 'a console cannot be reached');
      return null;
    });
    if (guest === null) return refuse({ status: 502, code: 1011, reason: 'The console of the server cannot be reached.' });
    guest.on('error', () => guest.destroy());
    let taken = false;
    if (!socket.destroyed && !stopping.signal.aborted) {
      sockets.handleUpgrade(request, socket, head, (viewer) => {
        taken = true;
        void serve(viewer, guest, session);
      });
    }
    if (!taken) guest.destroy();

    function refuse({ status, code, reason }: Refusal): void {
      log.info({ reason, status, remoteAddress: request.socket.remoteAddress }, 'console refused');
      if (socket.destroyed) return;
      const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
      if (offered?.includes(reasonsProtocol) === true)
        return sockets.handleUpgrade(request, socket, head, (viewer) => viewer.on('error', () => viewer.terminate()).close(code, reason));
      // without a body, which old viewers would take for the first bytes of a console
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    }
  }

  /** One viewer, from the handshake to the end. */
  async function serve(socket: WebSocket, guest: Duplex, session: ConsoleSession): Promise<void> {
    const { instanceId, consoleType } = session;
    const viewer: Viewer = { instanceId, alive: true };
    viewers.set(socket, viewer);
    const over = new AbortController();
    socket
      .on('pong', () => (viewer.alive = true))
      // who asks faster than it listens is not answered
      .on('ping', (data) => void (socket.bufferedAmount < mostUnheardBytes && socket.pong(data)))
      .on('close', () => {
        over.abort();
        guest.destroy();
      });
    log.info({ instanceId, consoleType }, 'console opened');
    const stream = createWebSocketStream(socket).on('error', () => socket.terminate());
    try {
      if (settings.consoleauth.enforce_session_timeout)
        clock.sleep(Math.min(Math.max(0, Date.parse(session.expiresAt) - clock.now()), longestTimerMs), over.signal).then(
          () => end(socket, endings.timeOver),
          () => undefined, // it was closed before
        );
      await relay({ socket, viewer: stream, guest: await agree(stream, guest, over.signal) });
    } catch (error) {
      if (!over.signal.aborted) log.warn({ err: error, instanceId, consoleType }, 'a console was not agreed on'); // else the viewer went
      end(socket, endings.guestFailed);
    } finally {
      guest.destroy();
      over.abort();
      viewers.delete(socket);
      log.info({ instanceId, consoleType }, 'console closed');
    }
  }

  /** Lets viewer and guest agree on how they talk; throws when the guest hangs up meanwhile, which a stream that is not read does not notice. */
  async function agree(viewer: Duplex, guest: Duplex, over: AbortSignal): Promise<Duplex> {
    const gone = Promise.withResolvers<never>();
    const hangUp = (): void => gone.reject(unavailable('The server closed its console.'));
    const notice = (): void => void (guest.readableLength === 0 && guest.read(0));
    const late = clock.sleep(agreementMs, over).then(() => {
      throw unavailable('Viewer and console did not agree in time.');
    });
    guest.on('readable', notice).once('end', hangUp).once('close', hangUp);
    try {
      return await Promise.race([begin(viewer, guest), gone.promise, late]);
    } finally {
      guest.off('readable', notice).off('end', hangUp).off('close', hangUp);
    }
  }

  /** Finds viewers that have gone without a word. */
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(heartbeatMs, stopping.signal).catch(() => undefined);
      for (const [socket, viewer] of viewers) {
        if (!viewer.alive) socket.terminate();
        viewer.alive = false;
        if (socket.readyState === socket.OPEN) socket.ping();
      }
    }
  }

  const connections = new Set<Duplex>();
  const server = createListener(settings, {
    request: (request, response) => showPage(pages, request, response),
    upgrade: (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      open(request, socket, head).catch((error: unknown) => {
        log.error({ err: error }, 'a console was not opened');
        socket.destroy();
      });
    },
  });
  server.on('connection', (connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
  });
  await once(server.listen({ host: deps.host, port: deps.port }), 'listening');
  const { port } = server.address() as AddressInfo;
  const watching = watch();
  const stop = async (): Promise<void> => {
    stopping.abort();
    const closed = once(server, 'close');
    server.close();
    for (const socket of viewers.keys()) end(socket, endings.shutdown);
    for (const connection of connections) connection.end(() => connection.destroy());
    await Promise.race([closed, clock.sleep(goodbyeMs)]);
    for (const connection of connections) connection.destroy();
    await Promise.all([watching, closed]);
  };
  return { port, stop, [Symbol.asyncDispose]: stop };
}

interface Viewer {
  readonly instanceId: string;
  /** Whether it has answered since the last look. */
  alive: boolean;
}
