import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isKind } from '../../../lib/errors.ts';
import { createHttpClient } from '../../../lib/http/client.ts';
import type { Log } from '../../../lib/log.ts';
import type { SystemUser } from '../daemons/run-as.ts';
import { networkHeader, strippedHeaders } from './proxy-config.ts';

/** Whose address this is on that network. */
export type FindOwner = (networkId: string, address: string) => { readonly deviceId: string; readonly projectId: string } | null;

export interface MetadataProxyDeps {
  readonly socketPath: string;
  /** The only user besides root that may connect: what it says about who asks is believed. */
  readonly mayConnect: SystemUser;
  /** The metadata service, without a slash at the end. */
  readonly metadataUrl: string;
  readonly sharedSecret: string;
  readonly findOwner: FindOwner;
  readonly log: Log;
}

const maxBodyBytes = 64 * 1024;
const notPassedOn = new Set(
  [
    ...strippedHeaders,
    'Host',
    'Connection',
    'Keep-Alive',
    'Transfer-Encoding',
    'Content-Length',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Proxy-Authorization',
    'X-Auth-Token',
  ].map((name) => name.toLowerCase()),
);
const notPassedBack = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** What the metadata service must be told of the guest, and the signature it knows us by. */
export function identityHeaders(
  owner: { readonly deviceId: string; readonly projectId: string },
  address: string,
  secret: string,
): Readonly<Record<string, string>> {
  return {
    'x-forwarded-for': address,
    'x-instance-id': owner.deviceId,
    'x-tenant-id': owner.projectId,
    'x-instance-id-signature': createHmac('sha256', secret).update(owner.deviceId).digest('hex'),
  };
}

/** Serves the proxies of all networks: finds the server behind an address and asks the metadata service in its name. */
export async function startMetadataProxy(deps: MetadataProxyDeps): Promise<{ stop(): Promise<void> }> {
  const client = createHttpClient({ service: 'metadata' });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const address = String(request.headers['x-forwarded-for'] ?? '');
    const owner = deps.findOwner(String(request.headers[networkHeader.toLowerCase()] ?? ''), address);
    const body = await readAll(request);
    if (owner === null) return refuse(response, 404);
    if (body === null) return refuse(response, 413);
    const passed = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      notPassedOn.has(name) || value === undefined ? [] : [[name, String(value)]],
    );
    const told = await client.raw({
      method: methodOf(request.method),
      url: `${deps.metadataUrl}${request.url?.startsWith('/') === true ? request.url : '/'}`,
      headers: { ...Object.fromEntries(passed), ...identityHeaders(owner, address, deps.sharedSecret) },
      ...(body.length === 0 ? {} : { stream: body }),
    });
    for (const [name, value] of Object.entries(told.headers))
      if (value !== undefined && !notPassedBack.has(name)) response.setHeader(name, value);
    response.statusCode = told.status;
    await pipeline(told.body, response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      deps.log.warn({ err: error }, 'metadata request failed');
      if (response.headersSent) response.destroy();
      else refuse(response, isKind(error, 'unavailable') ? 503 : 500);
    });
  });
  const directory = dirname(deps.socketPath); // of its own, so that nobody else reaches the socket
  await mkdir(directory, { mode: 0o700, recursive: true });
  await chown(directory, deps.mayConnect.uid, deps.mayConnect.gid);
  await chmod(directory, 0o700);
  await rm(deps.socketPath, { force: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(deps.socketPath, resolve));
  await chown(deps.socketPath, deps.mayConnect.uid, deps.mayConnect.gid);
  return {
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await client.close();
    },
  };
}

function refuse(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain');
  response.end(`${status}\n`);
}

const methodOf = (method: string | undefined): 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' =>
  method === 'HEAD' || method === 'POST' || method === 'PUT' || method === 'DELETE' ? method : 'GET';

/** The body, or null when it is too long to be one a guest may send. */
async function readAll(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  return size > maxBodyBytes ? null : Buffer.concat(chunks);
}
