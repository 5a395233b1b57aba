import net from 'node:net';
import tls from 'node:tls';

import { LibvirtConnectionError } from './errors.ts';

/** How a daemon is reached. */
export type Transport =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'tls'; readonly host: string; readonly port: number; readonly tls: TlsIdentity };

/** PEM texts of a client's certificate, as libvirt's PKI has them. */
export interface TlsIdentity {
  readonly ca: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name the daemon's certificate must carry, when it is not the host that is dialled. */
  readonly serverName?: string;
}

/** Where libvirt's own programs look for things. */
export const defaultSocketPath = '/run/libvirt/libvirt-sock';
export const defaultPorts = { tcp: 16_509, tls: 16_514 } as const;

/** What a connection URI such as `qemu+tcp://host/system` asks for: where to dial, and which driver to open there. */
export interface ParsedUri {
  readonly transport:
    | { readonly kind: 'unix'; readonly path: string }
    | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number };
  /** The name to open on the daemon, such as `qemu:///system`. */
  readonly name: string;
}

/** Reads a libvirt connection URI; `ssh` and other tunnels are refused. */
export function parseUri(uri: string): ParsedUri {
  const match = /^(?<driver>[a-z]+)(?:\+(?<via>[a-z0-9]+))?:\/\/(?<authority>[^/?]*)(?<path>\/[^?]*)?(?:\?(?<query>.*))?$/.exec(uri);
  if (match?.groups === undefined) throw new Error(`"${uri}" is not a libvirt connection URI`);
  const { driver, via, authority = '', path = '', query } = match.groups;
  const name = `${driver}://${path}`;
  const host = authority.replace(/^.*@/, '');
  const kind = via ?? (host === '' ? 'unix' : 'tls');
  if (kind === 'unix') return { transport: { kind, path: new URLSearchParams(query).get('socket') ?? defaultSocketPath }, name };
  if (kind !== 'tcp' && kind !== 'tls') throw new Error(`"${uri}" asks for the transport "${kind}", which is not supported`);
  const address = /^(?:\[(?<v6>[^\]]+)\]|(?<plain>[^:]+))(?::(?<port>\d+))?$/.exec(host)?.groups;
  if (address === undefined) throw new Error(`"${uri}" names no host`);
  return {
    transport: { kind, host: address['v6'] ?? address['plain'] ?? '', port: Number(address['port'] ?? defaultPorts[kind]) },
    name,
  };
}

/** Dials, and with TLS waits until the daemon has accepted our certificate. The socket is paused: no byte is lost. */
export async function dial(transport: Transport, signal: AbortSignal): Promise<net.Socket> {
  const where = transport.kind === 'unix' ? transport.path : `${transport.host}:${transport.port}`;
  const socket = open(transport);
  try {
    await happens(socket, transport.kind === 'tls' ? 'secureConnect' : 'connect', signal);
    if (transport.kind !== 'unix') socket.setNoDelay(true);
    if (transport.kind === 'tls') await acceptance(socket, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof LibvirtConnectionError || signal.aborted) throw error;
    throw new LibvirtConnectionError('lost', `cannot connect to libvirt at ${where}`, { cause: error });
  }
}

function open(transport: Transport): net.Socket {
  if (transport.kind === 'unix') return net.connect({ path: transport.path });
  if (transport.kind === 'tcp') return net.connect({ host: transport.host, port: transport.port });
  const { ca, cert, key, serverName } = transport.tls;
  // An IP address may not be a server name; node checks the certificate against the host in that case.
  const name = serverName ?? (net.isIP(transport.host) === 0 ? transport.host : undefined);
  return tls.connect({
    host: transport.host,
    port: transport.port,
    ca,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(name === undefined ? {} : { servername: name }),
  });
}

/** After the handshake a daemon sends one byte: 1 when it trusts the client. Any other answer is a closed door. */
async function acceptance(socket: net.Socket, signal: AbortSignal): Promise<void> {
  for (;;) {
    const byte: unknown = socket.read(1);
    if (Buffer.isBuffer(byte)) {
      if (byte[0] === 1) return;
      throw new LibvirtConnectionError('refused', 'libvirt refused our certificate');
    }
    if (socket.readableEnded)
      throw new LibvirtConnectionError('refused', 'libvirt hung up after the TLS handshake: it does not trust our certificate');
    await happens(socket, 'readable', signal);
  }
}

/** The next event of that name; an error, the end or the signal rejects. */
async function happens(socket: net.Socket, event: 'connect' | 'secureConnect' | 'readable', signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error): void => reject(error);
  const onClose = (): void => reject(new Error('the connection was closed'));
  const onAbort = (): void => reject(signal.reason);
  socket.once(event, resolve);
  socket.once('error', onError);
  socket.once('close', onClose);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    socket.off(event, resolve);
    socket.off('error', onError);
    socket.off('close', onClose);
    signal.removeEventListener('abort', onAbort);
  }
}
