import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { IdentityClient } from '../../../clients/identity.ts';
import { httpWishSource, type WishSource } from './wish-source.ts';

const open: { server: Server; source: WishSource }[] = [];
afterEach(async () => {
  for (const { server, source } of open.splice(0)) {
    await source.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A network service that gives these answers in turn, and the requests it got. */
async function serving(
  ...answers: readonly { readonly status: number; readonly body?: unknown }[]
): Promise<{ source: WishSource; requests: unknown[] }> {
  const requests: unknown[] = [];
  const queue = [...answers];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push({
        method: request.method,
        url: request.url,
        token: request.headers['x-auth-token'],
        ...(body === '' ? {} : { body: JSON.parse(body) as unknown }),
      });
      const { status, body: answer } = queue.shift() ?? { status: 500 };
      response.writeHead(status, { 'content-type': 'application/json' }).end(answer === undefined ? undefined : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const identity: IdentityClient = {
    authenticate: () => Promise.resolve(null),
    serviceSession: { token: () => Promise.resolve('ours') },
    sessionOf: () => ({ token: () => Promise.resolve('theirs') }),
    endpoints: { url: (type) => Promise.resolve(`http://127.0.0.1:${port}/${type}`) },
    limits: () => Promise.resolve({ registered: {}, ofProject: {} }),
    projectExists: () => Promise.resolve(null),
    close: () => Promise.resolve(),
  };
  const source = httpWishSource({ identity, host: 'host/1' });
  open.push({ server, source });
  return { source, requests };
}

const wish = { revision: 8, networks: [], ports: [], routers: [], securityGroups: [] };
const { signal } = new AbortController();

describe('the network service as the source of wishes', () => {
  it('is asked again until there is another revision, with the token of the service', async () => {
    const { source, requests } = await serving(
      { status: 204 },
      { status: 200, body: { ...wish, revision: 7 } },
      { status: 200, body: wish },
    );
    expect(await source.next(7, signal)).toEqual(wish);
    expect(requests).toEqual(
      Array.from({ length: 3 }, () => ({ method: 'GET', url: '/network/kilonova/v1/agents/host%2F1/wish?after=7', token: 'ours' })),
    );
  });

  it('says what is wrong when it refuses', async () => {
    const { source } = await serving({ status: 403, body: { NeutronError: { message: 'not yours' } } });
    await expect(source.next(7, signal)).rejects.toThrow('not yours');
  });

  it('gets the report', async () => {
    const { source, requests } = await serving({ status: 204 });
    const report = { revision: 8, wiredPortIds: ['p'], problems: [], agent: { configurations: {} } };
    await source.report(report, signal);
    expect(requests).toEqual([{ method: 'PUT', url: '/network/kilonova/v1/agents/host%2F1/report', token: 'ours', body: report }]);
  });
});
